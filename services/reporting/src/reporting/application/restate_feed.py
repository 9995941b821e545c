"""Days of the feed are said anew when a fact comes late: each change is kept, with what was said and when."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from chassis.database.sql import Database
from reporting.application.ports import Feed
from reporting.application.telemetry import FEED_STATEMENTS
from reporting.domain.pace import Pace


@dataclass(frozen=True, slots=True)
class RestateFeed:
    """One round: the first change of a day at once, then at most one statement a rest, so that a busy day is not a thousand statements."""

    database: Database
    feed: Feed
    clock: Callable[[], float]
    rest_seconds: float
    pace: Pace[date] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pace", Pace(self.rest_seconds))

    async def __call__(self) -> int:
        """Say anew what was touched and has rested; gives how many days were taken off the list."""
        async with self.database.begin() as tx:
            taken = await self.feed.take_dirty(tx, self.pace.resting(self.clock()))
            if not taken:
                return 0
            said = await self.feed.restate(tx, taken)
        FEED_STATEMENTS.inc(said)
        self.pace.said(taken, self.clock())
        return len(taken)
