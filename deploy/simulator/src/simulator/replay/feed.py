"""The feed as the system tells it, on the days of a file."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from simulator.client import Api
from simulator.replay.series import COLUMNS, DATE_COLUMN, Cell, written

FEED = "/reporting/v1/feeds/lcps"

# The feed answers at most 400 days at once.
MOST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Told:
    """What the feed says in a cell, and of how many hospitals it is the sum."""

    figure: int | None
    hospitals: int


Feed = Mapping[Cell, Told]


def spans(days: Iterable[date]) -> list[tuple[date, date]]:
    """As few stretches of days as may be asked at once, in which all these days lie; long gaps are left out."""
    found: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if found and day - found[-1][0] < timedelta(days=MOST_DAYS):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


async def read_feed(api: Api, days: frozenset[date]) -> Feed:
    """The feed with what is behind each cell, on these days.

    Raises:
        Refused: the system will not tell.
        Unreachable: it does not answer.
    """
    told: dict[Cell, Told] = {}
    for first, last in spans(days):
        response = await api.get(f"{FEED}.json", {"from": first.isoformat(), "to": last.isoformat()})
        for row in response.json()["items"]:
            day = date.fromisoformat(row["date"])
            if day in days:
                for column in COLUMNS:
                    cell = row["columns"][column.name]
                    told[Cell(day, column)] = Told(cell["value"], cell["hospitals_reported"])
    return {Cell(day, column): told.get(Cell(day, column), Told(None, 0)) for day in days for column in COLUMNS}


async def read_published(api: Api, days: frozenset[date]) -> dict[Cell, str]:
    """The feed in its published form: what stands in each cell on these days, as text.

    Raises:
        Refused: the system will not tell.
        Unreachable: it does not answer.
    """
    by_date = {written(day): day for day in days}
    said: dict[Cell, str] = {}
    for first, last in spans(days):
        response = await api.get(f"{FEED}.csv", {"from": first.isoformat(), "to": last.isoformat()})
        for row in csv.DictReader(response.text.splitlines()):
            day = by_date.get(row.get(DATE_COLUMN) or "")
            if day is not None:
                said |= {Cell(day, column): row.get(column.name) or "" for column in COLUMNS}
    return said
