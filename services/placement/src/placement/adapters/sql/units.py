"""Units on one transaction's connection."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record

from chassis.sql import Connection
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
_OURS = ("held", "claimed", "full_since", "overcommitted_since")

UNIT_COLUMNS = ", ".join(f"u.{name}" for name in ("unit_id", *_TOLD, *_OURS))
"""Of `units u`; what `unit_of` reads."""

_LOCK = "select from units where unit_id = any($1::uuid[]) order by unit_id for update"
_READ = f"select {UNIT_COLUMNS} from units u where unit_id = any($1::uuid[])"

# A place can be given: what `Unit.available` says, by the database's clock.
HAS_PLACE = "held < free - claimed and fresh_until > db_clock() and not (open = 0 and closed_reason is not null)"

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
"""
_SUITABLE = f"""
select {UNIT_COLUMNS} from units u
where care_type = $1 and cohort = $2 and (roaz = $3 or vr = $4) and {HAS_PLACE}
"""
_GRANT = f"update units set held = held + 1 where unit_id = $1 and {HAS_PLACE} returning true"
_GIVE_BACK = "update units set held = held - 1 where unit_id = $1 and not ($2 = any(includes_holds))"
_TAKE = "update units set held = held + 1 where unit_id = $1 and not ($2 = any(includes_holds))"
_RECOUNT = f"""
update units u set held = (
    select count(*) from offers o
    where o.unit_id = u.unit_id and o.status in {HOLDING_SQL} and not (o.offer_id = any(u.includes_holds))
)
where unit_id = any($1::uuid[])
"""
_SET_FULL = "update units set full_since = $2, free = case when free is not null then 0 end where unit_id = $1"
_IS_OVERCOMMITTED = "(free is not null and held > greatest(free, 0))"
_NOTE = f"""
update units set overcommitted_since = case when {_IS_OVERCOMMITTED} then $2::timestamptz end
where unit_id = any($1::uuid[]) and {_IS_OVERCOMMITTED} <> (overcommitted_since is not null)
returning unit_id, overcommitted_since is not null as begins
"""


class SqlUnits:
    """The units' port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def locked(self, unit_ids: Collection[UUID]) -> Mapping[UUID, Unit]:
        if not unit_ids:
            return {}
        await self._connection.fetch(_LOCK, list(unit_ids))
        return await self.read(unit_ids)

    async def read(self, unit_ids: Collection[UUID]) -> Mapping[UUID, Unit]:
        return {row["unit_id"]: unit_of(row) for row in await self._connection.fetch(_READ, list(unit_ids))}

    async def project(self, changed: Sequence[tuple[UnitChangedV1, int]]) -> None:
        rows = [event.model_dump(mode="json", include={"unit_id", *_TOLD}) | {"version": version} for event, version in changed]
        await self._connection.execute(_PROJECT, rows)

    async def suitable(self, request: Request) -> Sequence[Unit]:
        # Where only the VR is known of a unit, and that straddles ROAZ regions, it still lies in the VR that is asked for.
        vr = request.region if request.region_index == 0 else None
        rows = await self._connection.fetch(_SUITABLE, request.care_type, request.cohort, request.current_region, vr)
        return [unit_of(row) for row in rows]

    async def grant(self, unit_id: UUID) -> bool:
        return await self._connection.fetchval(_GRANT, unit_id) is not None

    async def give_back(self, unit_id: UUID, offer_id: UUID) -> None:
        await self._connection.execute(_GIVE_BACK, unit_id, offer_id)

    async def take_regardless(self, unit_id: UUID, offer_id: UUID) -> None:
        await self._connection.execute(_TAKE, unit_id, offer_id)

    async def recount(self, unit_ids: Collection[UUID]) -> None:
        await self._connection.execute(_RECOUNT, list(unit_ids))

    async def set_full(self, unit_id: UUID, since: datetime) -> None:
        await self._connection.execute(_SET_FULL, unit_id, since)

    async def note_overcommitted(self, unit_ids: Collection[UUID], now: datetime) -> Mapping[UUID, bool]:
        return {row["unit_id"]: row["begins"] for row in await self._connection.fetch(_NOTE, list(unit_ids), now)}


def unit_of(row: Record | Mapping[str, Any]) -> Unit:
    """A unit from a row of `UNIT_COLUMNS`."""
    read = {name: row[name] for name in ("unit_id", *_TOLD, *_OURS)}
    return Unit(
        **read
        | {
            "sector": Sector(row["sector"]),
            "care_type": CareType(row["care_type"]),
            "cohort": Cohort(row["cohort"]),
            "includes_holds": frozenset(row["includes_holds"]),
        }
    )
