"""The LCPS daily feed as it stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from chassis.database.sql import Database
from chassis.errors import Rejected
from reporting.application.ports import DayTold, Feed
from reporting.domain.days import MOST_DAYS, Days, days_asked
from reporting.domain.feed import Coverage


@dataclass(frozen=True, slots=True)
class FeedRead:
    """The days asked for, what is said of them, and who could speak of them."""

    days: Days
    told: Mapping[date, DayTold]
    registered: Mapping[str, Coverage]


@dataclass(frozen=True, slots=True)
class ReadFeed:
    """Reads, and changes nothing."""

    database: Database
    feed: Feed

    async def __call__(self, first: date | None, last: date | None) -> FeedRead:
        """Read the days from the first to the last, both included; without them the thirty days up to today.

        Raises:
            Rejected: when the last lies before the first, or there are more than 400 of them.
        """
        async with self.database.begin() as tx:
            days = days_asked(first, last, await self.feed.today(tx))
            if not days:
                raise Rejected("no-days", "`to` lies before `from`.")
            if len(days) > MOST_DAYS:
                raise Rejected("too-many-days", f"At most {MOST_DAYS} days at once; ask for the others in another request.")
            return FeedRead(days, await self.feed.read(tx, days), await self.feed.registered(tx))
