"""One transaction of the service's database, as the use cases know it."""

from datetime import datetime

from chassis.database.clock import TransactionClock
from chassis.database.sql import Transaction
from contracts.event import Event
from contracts.topic import Topic
from triage.adapters.sealing import Sealing
from triage.adapters.sql.acceptances import SqlAcceptances
from triage.adapters.sql.cases import SqlCases
from triage.adapters.sql.vault import SqlVault


class SqlWork:
    """The ports on one transaction, but the vault: what the worker gets, which has no use for its keys."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._clock = TransactionClock(tx.connection)
        self.cases = SqlCases(tx.connection, self._clock)
        self.acceptances = SqlAcceptances(tx.connection)

    async def now(self) -> datetime:
        return await self._clock.now()

    def publish(self, topic: Topic, event: Event, *, key: str) -> None:
        self._tx.publish(topic, event, key=key)


class SqlVaultWork(SqlWork):
    """With the vault."""

    def __init__(self, tx: Transaction, sealing: Sealing) -> None:
        super().__init__(tx)
        self.vault = SqlVault(tx.connection, sealing, self._clock)
