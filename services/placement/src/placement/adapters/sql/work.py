"""One transaction of the service's database, as the use cases know it."""

from collections.abc import Sequence
from datetime import datetime

from chassis.database.clock import TransactionClock
from chassis.database.sql import Connection, Transaction
from chassis.worker.timers import set_timers
from contracts.event import Event
from contracts.topic import Topic
from placement.adapters.sql.offers import SqlOffers
from placement.adapters.sql.requests import SqlRequests
from placement.adapters.sql.units import SqlUnits
from placement.adapters.sql.webhooks import SqlWebhooks
from placement.application.ports import Due
from placement.domain.policy import Policy


class SqlTimers:
    """The timers' port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def set(self, kind: str, due: Sequence[Due]) -> None:
        await set_timers(self._connection, kind, [(one.subject, one.at) for one in due])


class SqlWork:
    """The ports on one transaction."""

    def __init__(self, tx: Transaction, policy: Policy) -> None:
        self._tx = tx
        self.policy = policy
        self._clock = TransactionClock(tx.connection)
        self.requests = SqlRequests(tx.connection, self._clock)
        self.offers = SqlOffers(tx.connection, self._clock)
        self.units = SqlUnits(tx.connection, self._clock)
        self.timers = SqlTimers(tx.connection)
        self.webhooks = SqlWebhooks(tx.connection)

    async def now(self) -> datetime:
        return await self._clock.now()

    def publish(self, topic: Topic, event: Event, *, key: str) -> None:
        self._tx.publish(topic, event, key=key)
