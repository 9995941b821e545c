"""Units on one transaction's connection."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from asyncpg import Record

from chassis.database.clock import TransactionClock, then_clock
from chassis.database.sql import Connection
from contracts.capacity import UnitChangedV1
from contracts.codes import CareType, Cohort, Sector
from placement.adapters.sql.statuses import HOLDING_SQL
from placement.domain.request import Request
from placement.domain.unit import Unit

# What capacity says; what is held is ours and stays.
_TOLD = (
    "version", "location_id", "location_name", "name", "organisation", "sector", "care_type", "cohort", "municipality", "vr", "roaz",
    "latitude", "longitude", "phone", "features", "total", "open", "occupied", "reserved", "free", "closed_reason", "conflict",
    "observed_at", "fresh_until", "occupied_reported_at", "includes_holds",
)  # fmt: skip

_FIELDS = Unit._fields
UNIT_COLUMNS = ", ".join(f"u.{name}" for name in _FIELDS)
"""Of `units u`; what `unit_of` reads."""

# What is no plain value. Hundreds of rows are read for one list of candidates: hence by place, and no code looked up twice.
_READ_AS: Mapping[int, Callable[[Any], object]] = {
    _FIELDS.index("sector"): cache(Sector),
    _FIELDS.index("care_type"): cache(CareType),
    _FIELDS.index("cohort"): cache(Cohort),
    _FIELDS.index("includes_holds"): frozenset,
}

_LOCK = then_clock(f"select {UNIT_COLUMNS} from units u where unit_id = any($1::uuid[]) order by unit_id for update")

# A place can be given: what `Unit.available` says, by the database's clock.
HAS_PLACE = "held < free - claimed and fresh_until > db_clock() and not (open = 0 and closed_reason is not null) and not is_parked"

# More is held than the last known figure has room for: what `Unit.is_overcommitted` says.
IS_OVERCOMMITTED = "(free is not null and held > greatest(free, 0))"

# Declined with VOL, and capacity has no later observation yet: nothing is free, and what is unknown stays so.
_STILL_FULL = """
(u.full_since is not null and not coalesce(excluded.observed_at > u.full_since, false)
 and not coalesce(excluded.occupied_reported_at > u.full_since, false))
"""
_PROJECT = f"""
insert into units as u (unit_id, {", ".join(_TOLD)})
select unit_id, {", ".join(_TOLD)}
from jsonb_to_recordset($1::jsonb) as n (
    unit_id uuid, version bigint, location_id uuid, location_name text, name text, organisation text, sector text, care_type text,
    cohort text, municipality text, vr text, roaz text, latitude float8, longitude float8, phone text, features jsonb, total int, open int,
    occupied int, reserved int, free int, closed_reason text, conflict bool, observed_at timestamptz, fresh_until timestamptz,
    occupied_reported_at timestamptz, includes_holds uuid[]
)
order by unit_id
on conflict (unit_id) do update set
    {", ".join(f"{name} = excluded.{name}" for name in _TOLD if name != "free")},
    free = case when {_STILL_FULL} and excluded.free > 0 then 0 else excluded.free end,
    full_since = case when {_STILL_FULL} then u.full_since end
where u.version < excluded.version
returning {UNIT_COLUMNS}
"""
_HAVING_A_PLACE = f"select {UNIT_COLUMNS} from units u where care_type = $1 and cohort = $2 and {HAS_PLACE}"
# Not "or": with a plan from when there were few units, that reads all of the country.
_SUITABLE = f"{_HAVING_A_PLACE} and roaz = $3 union all {_HAVING_A_PLACE} and vr = $4 and roaz <> $3"
_GIVE_BACK = "update units set held = held - 1 where unit_id = $1 and not ($2 = any(includes_holds))"
_TAKE = "update units set held = held + 1 where unit_id = $1 and not ($2 = any(includes_holds))"
_RECOUNT = f"""
update units u set held = (
    select count(*) from offers o
    where o.unit_id = u.unit_id and o.status in {HOLDING_SQL} and not (o.offer_id = any(u.includes_holds))
)
where unit_id = any($1::uuid[])
"""
_ALL = "select unit_id from units order by unit_id"
_MAKE_UNKNOWN = """
update units u set version = n.version, total = null, open = null, occupied = null, reserved = null, free = null, closed_reason = null,
    observed_at = null, fresh_until = null
from unnest($1::uuid[], $2::bigint[]) as n (unit_id, version) where u.unit_id = n.unit_id and u.version < n.version
"""
_NOTE_PARKED = "update units set is_parked = $2 where unit_id = any($1::uuid[]) and is_parked <> $2"
_SET_FULL = "update units set full_since = $2, free = case when free is not null then 0 end where unit_id = $1"


class SqlUnits:
    """The units' port."""

    def __init__(self, connection: Connection, clock: TransactionClock) -> None:
        self._connection = connection
        self._clock = clock

    async def locked(self, unit_ids: Collection[UUID]) -> Mapping[UUID, Unit]:
        if not unit_ids:
            return {}
        return {row["unit_id"]: unit_of(row) for row in await self._clock.lock(_LOCK, list(unit_ids))}

    async def all_ids(self) -> Sequence[UUID]:
        return [row["unit_id"] for row in await self._connection.fetch(_ALL)]

    async def make_unknown(self, gone: Mapping[UUID, int]) -> None:
        await self._connection.execute(_MAKE_UNKNOWN, list(gone), list(gone.values()))

    async def project(self, changed: Sequence[tuple[UnitChangedV1, int]]) -> Mapping[UUID, Unit]:
        rows = [event.model_dump(mode="json", include={"unit_id", *_TOLD}) | {"version": version} for event, version in changed]
        return {row["unit_id"]: unit_of(row) for row in await self._connection.fetch(_PROJECT, rows)}

    async def suitable(self, request: Request) -> Sequence[Unit]:
        # Where only the VR is known of a unit, and that straddles ROAZ regions, it still lies in the VR that is asked for.
        vr = request.region if request.region_index == 0 else None
        rows = await self._connection.fetch(_SUITABLE, request.care_type, request.cohort, request.current_region, vr)
        return [unit_of(row) for row in rows]

    async def give_back(self, unit_id: UUID, offer_id: UUID) -> None:
        await self._connection.execute(_GIVE_BACK, unit_id, offer_id)

    async def take_regardless(self, unit_id: UUID, offer_id: UUID) -> None:
        await self._connection.execute(_TAKE, unit_id, offer_id)

    async def recount(self, unit_ids: Collection[UUID]) -> None:
        await self._connection.execute(_RECOUNT, list(unit_ids))

    async def note_parked(self, unit_ids: Collection[UUID], *, is_parked: bool) -> None:
        await self._connection.execute(_NOTE_PARKED, list(unit_ids), is_parked)

    async def set_full(self, unit_id: UUID, since: datetime) -> None:
        await self._connection.execute(_SET_FULL, unit_id, since)


def unit_of(row: Record) -> Unit:
    """A unit from a row that begins with `UNIT_COLUMNS`."""
    values = list(row.values())[: len(_FIELDS)]
    for place, read in _READ_AS.items():
        values[place] = read(values[place])
    return Unit._make(values)
