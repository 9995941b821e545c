"""Readiness of reporting: what the chassis judges for every service, and the last recount."""

from collections.abc import Mapping
from dataclasses import replace
from math import inf

from prometheus_client import Gauge

from chassis.database.sql import Connection
from chassis.errors import Unavailable
from chassis.standing.health import Check, Health, Readiness
from reporting.application.telemetry import RECOUNT_AGE_SECONDS, RECOUNT_DIFFERENCES

_LAST_RECOUNT = "select jsonb_array_length(differing) from recounts"
_MEASURE = """
select jsonb_array_length(differing) as differing, extract(epoch from clock_timestamp() - counted_at)::float8 as age from recounts
"""


class ReportingHealth(Health):
    """Not ready while the figures differ from a recount of their units: whoever shows them shows something wrong."""

    async def measure(self, connection: Connection) -> Mapping[Gauge, float]:
        row = await connection.fetchrow(_MEASURE)
        if row is None:
            return {RECOUNT_AGE_SECONDS: inf}
        return {RECOUNT_DIFFERENCES: row["differing"], RECOUNT_AGE_SECONDS: row["age"]}

    async def ready(self) -> Readiness:
        judged = await super().ready()
        try:
            async with self.database.connection() as connection:
                differing = await connection.fetchval(_LAST_RECOUNT)
        except Unavailable:
            return judged
        problem = f"{differing} figures differ from a recount of their units" if differing else None
        return replace(judged, checks=[*judged.checks, Check("recount", problem)])
