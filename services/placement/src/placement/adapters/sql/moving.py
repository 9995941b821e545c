"""The one place where a request or an offer changes: every change of a status is checked against the table of states, and conditional.

No other module writes to these columns; a test looks.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final, Literal
from uuid import UUID

import asyncpg

from chassis.database.sql import Connection
from placement.domain.states import Guard, Status, way

Kind = Literal["requests", "offers"]

KEYS: Final[Mapping[Kind, str]] = {"requests": "case_id", "offers": "offer_id"}

CHANNELS: Final[Mapping[Kind, str]] = {"requests": "placement_requests", "offers": "placement_offers"}
"""Notified at the commit of every change, by a trigger; they wake the live streams."""

_GUARDS: Final[Mapping[Guard, str]] = {
    Guard.NONE: "",
    Guard.BEFORE_ANSWER_BY: "and answer_by > db_clock()",
    Guard.FROM_ANSWER_BY: "and answer_by <= db_clock()",
}


async def move_row(
    connection: Connection, kind: Kind, row_id: UUID, *, before: Status, after: Status, changes: Mapping[str, Any], returning: str
) -> asyncpg.Record | None:
    """Go from one state to another if the row is still there and the clock allows it; None when not.

    Raises:
        NoSuchWay: when the table of states has none.
    """
    guard = _GUARDS[way(before, after).guard]
    row: asyncpg.Record | None = await connection.fetchrow(
        _update(kind, {"status", *changes}, guard, returning), row_id, before.value, *_values({"status": after.value, **changes})
    )
    return row


async def change_row(
    connection: Connection, kind: Kind, row_id: UUID, *, unchanged: Status, changes: Mapping[str, Any], returning: str
) -> asyncpg.Record | None:
    """Change other columns, while the row is still in this state.

    Raises:
        ValueError: when the status is among them.
    """
    if "status" in changes:
        raise ValueError("a status changes by move_row only")
    row: asyncpg.Record | None = await connection.fetchrow(
        _update(kind, set(changes), "", returning), row_id, unchanged.value, *_values(changes)
    )
    return row


async def put_back_rows(connection: Connection, kind: Kind, columns: Mapping[str, Any]) -> None:
    """Store a row as it had become before the database was restored: no step of anybody's, so no way leads there and no clock is asked."""
    names = sorted(columns)
    written = ", ".join(f"{name} = excluded.{name}" for name in names)
    await connection.execute(
        f"insert into {kind} ({', '.join(names)}) values ({', '.join(f'${nth}' for nth in range(1, len(names) + 1))}) "
        f"on conflict ({KEYS[kind]}) do update set {written}",
        *_values(columns),
    )


def _update(kind: Kind, names: Collection[str], guard: str, returning: str) -> str:
    # The names are ours; the values are parameters, in the order of the names.
    assignments = "".join(f"{name} = ${nth}, " for nth, name in enumerate(sorted(names), start=3))
    return f"update {kind} r set {assignments}version = version + 1 where {KEYS[kind]} = $1 and status = $2 {guard} returning {returning}"


def _values(changes: Mapping[str, Any]) -> list[Any]:
    return [changes[name] for name in sorted(changes)]
