"""The register in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson

from capacity.application.ports import RegistryChange
from capacity.domain.registry import Location, Registration
from capacity.domain.unit import Unit
from chassis.database.sql import Connection
from contracts.codes import Sector

LOCATION_COLUMNS = "location_id, version, name, organisation, sector, municipality, vr, roaz, latitude, longitude, phone, external_id"

_LOCATIONS = f"select {LOCATION_COLUMNS} from locations where location_id = any($1::uuid[]) order by location_id"
_LOCKS = {"none": "", "share": " for share", "update": " for update"}
_CALLED = """
select organisation, external_id, {id} as id from {table} join unnest($1::text[], $2::text[]) as n (organisation, external_id)
    using (organisation, external_id)
"""
# A lock on names that may not be rows yet; sorted, so that two batches never wait for each other.
_ONE_AT_A_TIME = """
select pg_advisory_xact_lock(lock) from (
    select distinct hashtextextended(organisation || chr(10) || external_id, 0) as lock
    from unnest($1::text[], $2::text[]) as n (organisation, external_id) order by 1
) as locks
"""
_LOCATION_ROWS = """
unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::float8[], $10::float8[], $11::text[],
       $12::text[]) as n (location_id, version, name, organisation, sector, municipality, vr, roaz, latitude, longitude, phone, external_id)
"""
_ADD_LOCATIONS = f"insert into locations ({LOCATION_COLUMNS}, recorded_at) select n.*, $13 from {_LOCATION_ROWS}"
_CHANGE_LOCATIONS = f"""
update locations l set
    version = n.version, name = n.name, sector = n.sector, municipality = n.municipality, vr = n.vr, roaz = n.roaz, latitude = n.latitude,
    longitude = n.longitude, phone = n.phone, recorded_at = $13
from {_LOCATION_ROWS} where l.location_id = n.location_id
"""
_ADD_UNITS = """
insert into units (unit_id, location_id, version, organisation, name, care_type, cohort, features, external_id, folded, age_limit_seconds,
                   conflict, warnings, recorded_at)
select unit_id, location_id, version, organisation, name, care_type, cohort, features::jsonb, external_id, '{}', 0, false, '[]', $10
from unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])
    as n (unit_id, location_id, version, organisation, name, care_type, cohort, features, external_id)
"""
_CHANGE_REGISTRATIONS = """
update units u set location_id = n.location_id, name = n.name, care_type = n.care_type, cohort = n.cohort, features = n.features::jsonb
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[])
    as n (unit_id, location_id, name, care_type, cohort, features)
where u.unit_id = n.unit_id
"""
_REMEMBER = """
insert into registry_changes (kind, subject_id, version, said, sender, recorded_at)
select kind, subject_id, version, said::jsonb, sender, $6
from unnest($1::text[], $2::uuid[], $3::int[], $4::text[], $5::text[]) as n (kind, subject_id, version, said, sender)
"""


class SqlRegistry:
    """The registry's port on one transaction's connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def locations(self, location_ids: Collection[UUID], lock: Literal["none", "share", "update"]) -> Mapping[UUID, Location]:
        if not location_ids:
            return {}
        rows = await self._connection.fetch(_LOCATIONS + _LOCKS[lock], list(location_ids))
        return {row["location_id"]: Location(**{**row, "sector": Sector(row["sector"])}) for row in rows}

    async def locations_called(self, external: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], UUID]:
        return await self._called("locations", "location_id", external)

    async def units_called(self, external: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], UUID]:
        return await self._called("units", "unit_id", external)

    async def one_at_a_time(self, external: Collection[tuple[str, str]]) -> None:
        if external:
            await self._connection.fetch(_ONE_AT_A_TIME, [name[0] for name in external], [name[1] for name in external])

    async def add_locations(self, locations: Sequence[Location], now: datetime) -> None:
        await self._write_locations(_ADD_LOCATIONS, locations, now)

    async def change_locations(self, locations: Sequence[Location], now: datetime) -> None:
        await self._write_locations(_CHANGE_LOCATIONS, locations, now)

    async def add_units(self, units: Sequence[Unit]) -> None:
        if not units:
            return
        registrations = [unit.registration for unit in units]
        await self._connection.execute(
            _ADD_UNITS,
            [registration.unit_id for registration in registrations],
            [registration.location_id for registration in registrations],
            [unit.version for unit in units],
            [registration.organisation for registration in registrations],
            [registration.name for registration in registrations],
            [registration.care_type for registration in registrations],
            [registration.cohort for registration in registrations],
            [_json(registration.features) for registration in registrations],
            [registration.external_id for registration in registrations],
            units[0].recorded_at,
        )

    async def change_registrations(self, registrations: Sequence[Registration]) -> None:
        if not registrations:
            return
        await self._connection.execute(
            _CHANGE_REGISTRATIONS,
            [registration.unit_id for registration in registrations],
            [registration.location_id for registration in registrations],
            [registration.name for registration in registrations],
            [registration.care_type for registration in registrations],
            [registration.cohort for registration in registrations],
            [_json(registration.features) for registration in registrations],
        )

    async def remember(self, changes: Sequence[RegistryChange], now: datetime) -> None:
        if not changes:
            return
        await self._connection.execute(
            _REMEMBER,
            [change.kind for change in changes],
            [change.subject_id for change in changes],
            [change.version for change in changes],
            [_json(change.said) for change in changes],
            [change.sender for change in changes],
            now,
        )

    async def _called(self, table: str, id_column: str, external: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], UUID]:
        if not external:
            return {}
        statement = _CALLED.format(table=table, id=id_column)
        rows = await self._connection.fetch(statement, [name[0] for name in external], [name[1] for name in external])
        return {(row["organisation"], row["external_id"]): row["id"] for row in rows}

    async def _write_locations(self, statement: str, locations: Sequence[Location], now: datetime) -> None:
        if not locations:
            return
        await self._connection.execute(
            statement,
            [location.location_id for location in locations],
            [location.version for location in locations],
            [location.name for location in locations],
            [location.organisation for location in locations],
            [location.sector for location in locations],
            [location.municipality for location in locations],
            [location.vr for location in locations],
            [location.roaz for location in locations],
            [location.latitude for location in locations],
            [location.longitude for location in locations],
            [location.phone for location in locations],
            [location.external_id for location in locations],
            now,
        )


def _json(said: Mapping[str, Any]) -> str:
    # As text, because asyncpg cannot tell an array of JSON values from an array of arrays; its UUIDs are a class of its own.
    return orjson.dumps(said, default=str).decode()
