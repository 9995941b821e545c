"""In which generation a service publishes, and whether its database is still the one that it wrote.

A database that was restored to an earlier point has forgotten what it published since. If it went on counting where it stands, readers would
skip its events as ones that they have seen. So a restored database is refused to everyone until `restored` (`chassis.restoring.restored`) has let it go
on in a higher generation.
"""

import asyncpg

from chassis.database.connection import Connection
from chassis.errors import Unavailable
from contracts.event import FIRST_GENERATION, GENERATION_BITS

BASE = f"(select coalesce((select number from generation), {FIRST_GENERATION})::bigint << {GENERATION_BITS})"
"""The number below all versions of the current generation, as SQL."""

# A server begins another timeline whenever it goes on from an earlier point, and a dump lies on another server. On a standby, which may only be
# read, it is nobody's.
_HISTORY = """
case when not pg_is_in_recovery()
     then (select system_identifier from pg_control_system())::text || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) end
"""
_IS_OURS = f"select history = {_HISTORY} as is_ours from generation"
_BEGIN = """
insert into generation as g (number, history) values ($1, '')
on conflict (only_row) do update set number = excluded.number, history = excluded.history
"""
_SETTLE = f"update generation set history = {_HISTORY}"

FIRST = f"insert into generation (number, history) values ({FIRST_GENERATION}, {_HISTORY})"
"""What a migration writes into the empty table."""


class RestoredDatabase(Unavailable):
    """The database is not the one that the service wrote last: it was restored, or its server was replaced."""

    def __init__(self) -> None:
        """Say what a person must do."""
        super().__init__("The database was restored to an earlier point: the command `restored` must run first.", retry_after_seconds=30)


async def refuse_restored(connection: Connection) -> None:
    """Look once at a new connection; a service whose migrations have not run yet is let through, it has published nothing.

    Raises:
        RestoredDatabase: until `restored` has settled it.
    """
    try:
        is_ours = await connection.fetchval(_IS_OURS)
        is_known = is_ours is not None or await connection.fetchval("select exists (select from generation)")
    except asyncpg.UndefinedTableError:
        return
    if is_known and not is_ours:
        raise RestoredDatabase


async def current_generation(connection: Connection) -> int:
    """The number in which the service publishes."""
    number: int = await connection.fetchval(f"select {BASE} >> {GENERATION_BITS}")
    return number


async def begin_generation(connection: Connection, number: int) -> None:
    """Publish in this generation from now on; the database stays closed to all others until it is settled."""
    await connection.execute(_BEGIN, number)


async def settle_generation(connection: Connection) -> None:
    """Open the database again."""
    await connection.execute(_SETTLE)
