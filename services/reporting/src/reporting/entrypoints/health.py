"""Readiness of reporting: what the chassis judges for every service, and the last recount."""

from dataclasses import replace

from chassis.errors import Unavailable
from chassis.health import Check, Health, Readiness

_LAST_RECOUNT = "select jsonb_array_length(differing) from recounts"


class ReportingHealth(Health):
    """Not ready while the figures differ from a recount of their units: whoever shows them shows something wrong."""

    async def ready(self) -> Readiness:
        judged = await super().ready()
        try:
            async with self.database.connection() as connection:
                differing = await connection.fetchval(_LAST_RECOUNT)
        except Unavailable:
            return judged
        problem = f"{differing} figures differ from a recount of their units" if differing else None
        return replace(judged, checks=[*judged.checks, Check("recount", problem)])
