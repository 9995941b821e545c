"""One transaction of the service's database, as the use cases know it."""

from datetime import datetime

from capacity.adapters.sql.flows import SqlFlows
from capacity.adapters.sql.holds import SqlHolds
from capacity.adapters.sql.registry import SqlRegistry
from capacity.adapters.sql.reports import SqlReports
from capacity.adapters.sql.units import SqlUnits
from capacity.domain.age_limits import AgeLimits
from chassis.database.clock import db_now
from chassis.database.sql import Transaction
from contracts.event import Event
from contracts.topic import Topic


class SqlWork:
    """The ports on one transaction."""

    def __init__(self, tx: Transaction, ages: AgeLimits) -> None:
        self._tx = tx
        self.ages = ages
        self.units = SqlUnits(tx.connection, ages)
        self.reports = SqlReports(tx.connection)
        self.flows = SqlFlows(tx.connection)
        self.holds = SqlHolds(tx.connection)
        self.registry = SqlRegistry(tx.connection)

    async def now(self) -> datetime:
        return await db_now(self._tx.connection)

    def publish(self, topic: Topic, event: Event, *, key: str) -> None:
        self._tx.publish(topic, event, key=key)
