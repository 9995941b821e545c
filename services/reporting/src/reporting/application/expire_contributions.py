"""A figure too old to trust is unknown, also when nobody says so: its unit still counts, its values do not."""

from dataclasses import dataclass

from chassis.database.sql import Database
from reporting.application.ports import Contributions

_BATCH = 500


@dataclass(frozen=True, slots=True)
class ExpireContributions:
    """Takes off what has become too old, by the database's clock."""

    database: Database
    contributions: Contributions

    async def __call__(self) -> float | None:
        """Take off one batch; gives the seconds until the next one is due, 0 when more may be due now, None when none is in sight."""
        async with self.database.begin() as tx:
            if await self.contributions.expire(tx, _BATCH) == _BATCH:
                return 0.0
            seconds = await self.contributions.next_expiry_in_seconds(tx)
        return None if seconds is None else max(0.0, seconds)
