"""Units in PostgreSQL: locked first, read after, in a later statement, because one that waited for a lock sees what was before the wait."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from asyncpg import Record

from capacity.adapters.sql.folded_json import from_json, to_json
from capacity.application.expire_units import UNIT_EXPIRES
from capacity.domain.age_limits import AgeLimits
from capacity.domain.fold import Picture
from capacity.domain.registry import Location, Registration
from capacity.domain.report import ClosedBecause
from capacity.domain.unit import Unit
from chassis.database.clock import db_now
from chassis.database.sql import Connection
from chassis.worker.timers import set_timers
from contracts.codes import CareType, Cohort, Sector, Source

UNIT_TABLES = "units u join locations l using (location_id) left join unit_holds h using (unit_id)"
UNIT_COLUMNS = """
u.unit_id, u.location_id, u.organisation, u.name, u.care_type, u.cohort, u.features, u.external_id, u.version, u.has_flows, u.timer_at,
u.total, u.open, u.occupied, u.reserved, u.free, u.closed_reason_sent, u.source, u.observed_at, u.fresh_until, u.conflict, u.warnings,
u.includes_holds, u.recorded_at, h.full_since, l.version as location_version, l.name as location_name, l.sector, l.municipality, l.vr, l.roaz, l.latitude, l.longitude, l.phone,
l.external_id as location_external_id
"""

_LOCK = "select from units where unit_id = any($1::uuid[]) order by unit_id for update"
_READ = f"""
select {UNIT_COLUMNS}, u.folded, (select db_clock()) as now from {UNIT_TABLES} where u.unit_id = any($1::uuid[])
"""
_ALL = "select unit_id from units order by unit_id"
_OF_LOCATIONS = "select unit_id from units where location_id = any($1::uuid[])"
_WRITE = """
update units u set
    version = n.version, folded = n.folded::jsonb, timer_at = n.timer_at, total = n.total, open = n.open, occupied = n.occupied,
    reserved = n.reserved, free = n.free, closed_reason = n.closed_reason, closed_reason_sent = n.closed_reason_sent, source = n.source,
    observed_at = n.observed_at, fresh_until = n.fresh_until, age_limit_seconds = n.age_limit_seconds, conflict = n.conflict,
    warnings = n.warnings::jsonb, recorded_at = n.recorded_at, includes_holds = n.includes_holds::uuid[]
from unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[], $5::int[], $6::int[], $7::int[], $8::int[], $9::int[], $10::text[],
            $11::text[], $12::text[], $13::timestamptz[], $14::timestamptz[], $15::int[], $16::bool[], $17::text[], $18::timestamptz[],
            $19::text[])
    as n (unit_id, version, folded, timer_at, total, open, occupied, reserved, free, closed_reason, closed_reason_sent, source, observed_at,
          fresh_until, age_limit_seconds, conflict, warnings, recorded_at, includes_holds)
where u.unit_id = n.unit_id and u.unit_id = any($1::uuid[])
"""
# Only the highest revision of a flow counts, and a flow keeps its unit through all of them.
_NET_FLOWS = """
select s.unit_id, s.source, coalesce(sum(f.occupancy_change), 0)::int as net
from unnest($1::uuid[], $2::text[], $3::timestamptz[]) as s (unit_id, source, since)
join flows f on f.unit_id = s.unit_id and f.source = s.source and f.occurred_at > s.since
where not exists (select from flows later where later.flow_id = f.flow_id and later.revision > f.revision)
group by s.unit_id, s.source
"""


class SqlUnits:
    """The units' port on one transaction's connection."""

    def __init__(self, connection: Connection, ages: AgeLimits) -> None:
        self._connection = connection
        self._ages = ages

    async def locked(self, unit_ids: Collection[UUID]) -> tuple[datetime, Mapping[UUID, Unit]]:
        ids = list(unit_ids)
        await self._connection.fetch(_LOCK, ids)
        rows = await self._connection.fetch(_READ, ids)
        now = rows[0]["now"] if rows else await db_now(self._connection)
        return now, {row["unit_id"]: unit_of(row) for row in rows}

    async def all_ids(self) -> Sequence[UUID]:
        return [row["unit_id"] for row in await self._connection.fetch(_ALL)]

    async def of_locations(self, location_ids: Collection[UUID]) -> Sequence[UUID]:
        return [row["unit_id"] for row in await self._connection.fetch(_OF_LOCATIONS, list(location_ids))]

    async def write(self, units: Sequence[Unit]) -> None:
        if not units:
            return
        # A timer that goes off too early only looks again, so it is left alone while a unit's figures are refreshed: moving it with
        # every report would cost a statement, and could meet the worker that is taking it off.
        due = {
            unit.registration.unit_id: at
            for unit in units
            if (at := unit.shown.fresh_until) and (unit.timer_at is None or at < unit.timer_at)
        }
        units = [replace(unit, timer_at=due.get(unit.registration.unit_id, unit.timer_at)) for unit in units]
        await self._connection.execute(
            _WRITE,
            [unit.registration.unit_id for unit in units],
            [unit.version for unit in units],
            [orjson.dumps(to_json(unit.folded)).decode() for unit in units],
            [unit.timer_at for unit in units],
            [unit.shown.total for unit in units],
            [unit.shown.open for unit in units],
            [unit.shown.occupied for unit in units],
            [unit.shown.reserved for unit in units],
            [unit.shown.free for unit in units],
            [unit.shown.closed.code if unit.shown.closed else None for unit in units],
            [unit.shown.closed.sent if unit.shown.closed else None for unit in units],
            [unit.shown.source for unit in units],
            [unit.shown.observed_at for unit in units],
            [unit.shown.fresh_until for unit in units],
            [int(unit.age_limit(self._ages).total_seconds()) for unit in units],
            [unit.shown.conflict for unit in units],
            [orjson.dumps(unit.shown.warnings).decode() for unit in units],
            [unit.recorded_at for unit in units],
            # As text, because an array of arrays must be a rectangle.
            ["{" + ",".join(map(str, unit.shown.includes_holds)) + "}" for unit in units],
        )
        await set_timers(self._connection, UNIT_EXPIRES, [(str(unit_id), at) for unit_id, at in due.items()])

    async def net_flows(self, units: Collection[Unit]) -> Mapping[UUID, Mapping[Source, int]]:
        since = [
            (unit.registration.unit_id, source.value, voice.figures["occupied"].by.observed_at)
            for unit in units
            for source, voice in unit.folded.items()
            if "occupied" in voice.figures
        ]
        if not since:
            return {}
        rows = await self._connection.fetch(_NET_FLOWS, [one[0] for one in since], [one[1] for one in since], [one[2] for one in since])
        net: dict[UUID, dict[Source, int]] = {}
        for row in rows:
            net.setdefault(row["unit_id"], {})[Source(row["source"])] = row["net"]
        return net


def unit_of(row: Record | Mapping[str, Any]) -> Unit:
    """A unit from a row of `UNIT_COLUMNS`; its fold is left out where a unit is only shown, because it costs more than all the rest."""
    sent = row["closed_reason_sent"]
    return Unit(
        registration=Registration(
            unit_id=row["unit_id"],
            location_id=row["location_id"],
            organisation=row["organisation"],
            name=row["name"],
            care_type=CareType(row["care_type"]),
            cohort=Cohort(row["cohort"]),
            features=row["features"],
            external_id=row["external_id"],
        ),
        location=Location(
            location_id=row["location_id"],
            version=row["location_version"],
            name=row["location_name"],
            organisation=row["organisation"],
            sector=Sector(row["sector"]),
            municipality=row["municipality"],
            vr=row["vr"],
            roaz=row["roaz"],
            latitude=row["latitude"],
            longitude=row["longitude"],
            phone=row["phone"],
            external_id=row["location_external_id"],
        ),
        version=row["version"],
        folded=from_json(row.get("folded", {})),
        has_flows=row["has_flows"],
        timer_at=row["timer_at"],
        shown=Picture(
            total=row["total"],
            open=row["open"],
            occupied=row["occupied"],
            reserved=row["reserved"],
            free=row["free"],
            closed=ClosedBecause(sent) if sent is not None else None,
            source=Source(row["source"]) if row["source"] else None,
            observed_at=row["observed_at"],
            fresh_until=row["fresh_until"],
            conflict=row["conflict"],
            warnings=tuple(row["warnings"]),
            includes_holds=tuple(row["includes_holds"]),
        ),
        recorded_at=row["recorded_at"],
        full_since=row["full_since"],
    )
