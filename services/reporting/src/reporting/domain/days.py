"""The LCPS day: the local calendar day, of 23 or 25 hours when the clocks change."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("Europe/Amsterdam")
MOST_DAYS = 400
USUAL_DAYS = 30


def local_day(instant: datetime) -> date:
    """The local calendar day in which this instant lies."""
    return instant.astimezone(LOCAL).date()


@dataclass(frozen=True, slots=True)
class Days:
    """The days from the first to the last, both included."""

    first: date
    last: date

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=nth) for nth in range(len(self)))

    def __len__(self) -> int:
        return max(0, (self.last - self.first).days + 1)


def days_asked(first: date | None, last: date | None, today: date) -> Days:
    """The days a reader means: up to today when it names no last day, and thirty of them when it names no first."""
    end = last if last is not None else max(today, first or today)
    return Days(first if first is not None else end - timedelta(days=min(USUAL_DAYS - 1, (end - date.min).days)), end)
