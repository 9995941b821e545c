"""What placement holds of each unit, in PostgreSQL. Written with the unit locked, so that a report and a decline never miss each other."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record

from capacity.domain.holds import UnitHolds
from chassis.database.sql import Connection

HOLDS_COLUMNS = "h.version as holds_version, h.hold_ids, h.changed_at as holds_changed_at, h.is_incomplete"

_READ = f"select h.unit_id, {HOLDS_COLUMNS}, h.full_since from unit_holds h where h.unit_id = any($1::uuid[])"
# The unit's row is the one that the board goes by, so what changes about its holds touches it.
_WRITE = """
with told as (
    insert into unit_holds (unit_id, version, hold_ids, full_since, changed_at)
    select unit_id, version, hold_ids::uuid[], full_since, changed_at
    from unnest($1::uuid[], $2::bigint[], $3::text[], $4::timestamptz[], $5::timestamptz[])
        as n (unit_id, version, hold_ids, full_since, changed_at) order by unit_id
    on conflict (unit_id) do update set
        version = excluded.version, hold_ids = excluded.hold_ids, full_since = excluded.full_since, changed_at = excluded.changed_at
    returning unit_id
)
update units u set changed_xid = pg_current_xact_id() from told where u.unit_id = told.unit_id
"""
_MARK = """
with told as (
    insert into unit_holds (unit_id, version, hold_ids, is_incomplete)
    select unit_id, 0, '{}', $2 from unnest($1::uuid[]) as n (unit_id) order by unit_id
    on conflict (unit_id) do update set is_incomplete = excluded.is_incomplete
    returning unit_id
)
update units u set changed_xid = pg_current_xact_id() from told where u.unit_id = told.unit_id
"""


class SqlHolds:
    """The holds' port on one transaction's connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of(self, unit_ids: Collection[UUID]) -> Mapping[UUID, UnitHolds]:
        ids = list(unit_ids)
        known = {row["unit_id"]: holds_of(row) for row in await self._connection.fetch(_READ, ids)}
        return {unit_id: known.get(unit_id) or UnitHolds(unit_id) for unit_id in ids}

    async def write(self, states: Sequence[UnitHolds]) -> None:
        await self._connection.execute(
            _WRITE,
            [state.unit_id for state in states],
            [state.version for state in states],
            # As text, because an array of arrays must be a rectangle.
            ["{" + ",".join(map(str, state.hold_ids)) + "}" for state in states],
            [state.full_since for state in states],
            [state.changed_at for state in states],
        )

    async def mark(self, unit_ids: Collection[UUID], *, is_incomplete: bool) -> None:
        await self._connection.execute(_MARK, list(unit_ids), is_incomplete)


def holds_of(row: Record | Mapping[str, Any]) -> UnitHolds:
    """What is held by a row of `HOLDS_COLUMNS` and `full_since`; nothing where the unit has no row of it."""
    if row["hold_ids"] is None:
        return UnitHolds(row["unit_id"])
    return UnitHolds(
        unit_id=row["unit_id"],
        version=row["holds_version"],
        hold_ids=tuple(row["hold_ids"]),
        full_since=row["full_since"],
        changed_at=row["holds_changed_at"],
        is_incomplete=row["is_incomplete"],
    )
