"""The local calendar day, which is what municipalities and treatment wishes go by."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def local_day(moment: datetime) -> date:
    """The day in the Netherlands."""
    return moment.astimezone(AMSTERDAM).date()


def end_of(day: date) -> datetime:
    """The first instant after that day in the Netherlands."""
    return datetime.combine(day + timedelta(days=1), time.min, AMSTERDAM)
