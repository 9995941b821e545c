"""The database's clock. On a transaction it comes with the rows that are locked, so that it costs no statement of its own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from asyncpg import Record

from chassis.database.connection import Connection


async def db_now(connection: Connection) -> datetime:
    """The database's time: the one clock for what is due and what is fresh."""
    now: datetime = await connection.fetchval("select db_clock()")
    return now


def then_clock(lock: str) -> str:
    """The statement that locks, its first column an id or anything else that is never null, and reads the clock after all its waits.

    A locked row is itself as whoever held it before has committed it; anything else in `lock` would be from before the wait.
    """
    return f"""
with locked as materialized ({lock}),
clock as materialized (select db_clock() as clock from (select count(*) from locked) as all_of_them)
select locked.*, clock from clock left join locked on true
"""


class TransactionClock:
    """What the clock said when this transaction last locked something; until then, when it was first asked."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._read: datetime | None = None

    async def lock(self, statement: str, *arguments: Any) -> Sequence[Record]:
        """Run what `then_clock` made; gives what was locked."""
        rows = await self._connection.fetch(statement, *arguments)
        self._read = rows[0]["clock"]
        return [row for row in rows if row[0] is not None]

    async def now(self) -> datetime:
        """The same for all that one command does."""
        if self._read is None:
            self._read = await db_now(self._connection)
        return self._read
