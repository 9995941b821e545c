"""Health of placement: what the chassis judges and measures for every service, and the holds that should have ended."""

from collections.abc import Mapping

from prometheus_client import Gauge

from chassis.database.sql import Connection
from chassis.standing.health import Health
from placement.adapters.sql.books import holds_due
from placement.application.telemetry import HOLDS_DUE, HOLDS_DUE_SECONDS


class PlacementHealth(Health):
    """A place that is held beyond its end is kept from everyone, for nobody."""

    async def measure(self, connection: Connection) -> Mapping[Gauge, float]:
        due, seconds = await holds_due(connection)
        return {HOLDS_DUE: due, HOLDS_DUE_SECONDS: seconds}
