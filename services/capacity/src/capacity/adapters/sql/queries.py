"""What is read without a transaction: lists in pages, single units and their history."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from capacity.adapters.sql.holds import HOLDS_COLUMNS, holds_of
from capacity.adapters.sql.registry import LOCATION_COLUMNS
from capacity.adapters.sql.reports import report_of
from capacity.adapters.sql.units import UNIT_COLUMNS, UNIT_TABLES, unit_of
from capacity.domain.holds import UnitHolds
from capacity.domain.registry import Location
from capacity.domain.report import Report
from capacity.domain.unit import Unit
from chassis.database.clock import db_now
from chassis.database.sql import Database
from contracts.codes import CareType, Cohort, Sector

_SEEN_COLUMNS = f"{UNIT_COLUMNS}, {HOLDS_COLUMNS}, (select db_clock()) as now"
_SEEN = f"select {_SEEN_COLUMNS} from {UNIT_TABLES}"
_UNITS = f"""
{_SEEN}
where ($1::uuid is null or u.unit_id > $1)
  and ($2::text is null or l.roaz = $2) and ($3::text is null or l.vr = $3) and ($4::text is null or l.sector = $4)
  and ($5::text is null or u.care_type = $5) and ($6::text is null or u.cohort = $6) and ($7::uuid is null or u.location_id = $7)
order by u.unit_id limit $8
"""
BOARD_CHANNEL = "board"
"""Notified by the migration's trigger on units."""
BOARD_ROWS = f"select u.unit_id as id, u.changed_xid, true as is_listed, {_SEEN_COLUMNS} from {UNIT_TABLES}"
"""The board's rows, as a live list wants them: units are never taken off it."""
ON_BOARD = """
($1::text is null or r.roaz = $1) and ($2::text is null or r.vr = $2) and ($3::text is null or r.sector = $3)
and ($4::text is null or r.care_type = $4) and ($5::text is null or r.cohort = $5)
"""
_UNITS_A_PIECE = 200
_BOARD = f"select * from ({BOARD_ROWS}) as r where {ON_BOARD} order by id"
_UNIT = f"{_SEEN} where u.unit_id = $1"
_LOCATIONS = f"""
select {LOCATION_COLUMNS}, (select db_clock()) as now from locations
where ($1::uuid is null or location_id > $1)
  and ($2::text is null or roaz = $2) and ($3::text is null or vr = $3) and ($4::text is null or sector = $4)
  and ($5::text is null or organisation = $5)
order by location_id limit $6
"""
_HISTORY = """
select * from observations
where unit_id = $1 and ($2::timestamptz is null or observed_at >= $2) and ($3::timestamptz is null or observed_at < $3)
  and ($4::timestamptz is null or (observed_at, id) < ($4, $5))
order by observed_at desc, id desc limit $6
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters of a list of units; None lets everything through."""

    roaz: str | None = None
    vr: str | None = None
    sector: Sector | None = None
    care_type: CareType | None = None
    cohort: Cohort | None = None
    location_id: UUID | None = None

    @property
    def on_board(self) -> tuple[str | None, ...]:
        """The arguments of `ON_BOARD`."""
        return (self.roaz, self.vr, self.sector, self.care_type, self.cohort)


@dataclass(frozen=True, slots=True)
class SeenUnit:
    """A unit as it may be shown, without what was folded into it; what is held of it; and the database's clock."""

    unit: Unit
    holds: UnitHolds
    now: datetime


@dataclass(frozen=True, slots=True)
class Observation:
    """A stored report or confirmation."""

    number: int
    kind: str
    report: Report
    recorded_at: datetime


class Queries:
    """Reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def units(self, wanted: Wanted, after: UUID | None, limit: int) -> list[SeenUnit]:
        """Units by id."""
        arguments = (after, wanted.roaz, wanted.vr, wanted.sector, wanted.care_type, wanted.cohort, wanted.location_id, limit)
        return [seen_of(row) for row in await self._fetch(_UNITS, *arguments)]

    async def board(self, wanted: Wanted) -> AsyncGenerator[list[SeenUnit]]:
        """All units that match, as they are at one moment, in pieces: reading a whole country at once would keep everyone else waiting."""
        async with self._database.connection() as connection, connection.transaction(readonly=True):
            cursor = await connection.cursor(_BOARD, *wanted.on_board)
            while rows := await cursor.fetch(_UNITS_A_PIECE):
                yield [seen_of(row) for row in rows]

    async def unit(self, unit_id: UUID) -> SeenUnit | None:
        """A unit."""
        rows = await self._fetch(_UNIT, unit_id)
        return seen_of(rows[0]) if rows else None

    async def locations(self, wanted: Wanted, organisation: str | None, after: UUID | None, limit: int) -> list[tuple[Location, datetime]]:
        """Locations by id, each with the database's clock."""
        rows = await self._fetch(_LOCATIONS, after, wanted.roaz, wanted.vr, wanted.sector, organisation, limit)
        return [(_location_of(row), row["now"]) for row in rows]

    async def location(self, location_id: UUID) -> tuple[Location, datetime] | None:
        """A location, with the database's clock."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(f"select {LOCATION_COLUMNS} from locations where location_id = $1", location_id)
            return (_location_of(row), await db_now(connection)) if row else None

    async def history(
        self, unit_id: UUID, begin: datetime | None, end: datetime | None, before: tuple[datetime, int] | None, limit: int
    ) -> list[Observation]:
        """What was said about a unit, newest first."""
        rows = await self._fetch(_HISTORY, unit_id, begin, end, before[0] if before else None, before[1] if before else None, limit)
        return [Observation(row["id"], row["kind"], report_of(row), row["recorded_at"]) for row in rows]

    async def _fetch(self, statement: str, *arguments: Any) -> Sequence[Any]:
        async with self._database.connection() as connection:
            return await connection.fetch(statement, *arguments)


def seen_of(row: Any) -> SeenUnit:
    """A unit to be shown."""
    return SeenUnit(unit_of(row), holds_of(row), row["now"])


def _location_of(row: Any) -> Location:
    return Location(**{**{name: value for name, value in row.items() if name != "now"}, "sector": Sector(row["sector"])})
