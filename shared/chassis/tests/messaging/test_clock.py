"""What is locked is as its last holder left it, and the time that comes with it is from after the wait for them."""

import asyncio
from datetime import datetime
from typing import Final

import pytest

from chassis.database.clock import TransactionClock, db_now, then_clock
from chassis.database.sql import Database
from chassis.testing.waiting import eventually

LOCK: Final = then_clock("select id, n from applied where key = any($1::text[]) order by id for update")


async def _locked(database: Database, *keys: str) -> tuple[list[int], datetime]:
    async with database.begin() as tx:
        clock = TransactionClock(tx.connection)
        rows = await clock.lock(LOCK, list(keys))
        return [row["n"] for row in rows], await clock.now()


async def _somebody_waits(database: Database) -> bool:
    async with database.connection() as connection:
        return bool(
            await connection.fetch("select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"),
        )


@pytest.mark.parametrize(("after", "reads"), [("n = n + 1", 2), ("n = n", 1), (None, 1)])
async def test_whoever_waited_reads_what_was_committed_meanwhile_and_a_later_time(
    database: Database, after: str | None, reads: int
) -> None:
    async with database.connection() as connection:
        await connection.execute("insert into applied (topic, key, n, version) values ('t', 'a', 1, 1), ('t', 'b', 1, 1)")

    async with asyncio.TaskGroup() as tasks, database.begin() as tx:
        # The last one in the order of the locks: the first is free, and its time is not the answer.
        await tx.connection.fetch("select from applied where key = 'b' for update")
        waiting = tasks.create_task(_locked(database, "a", "b"))
        await eventually(lambda: _somebody_waits(database), what="somebody waits for the row")
        if after is not None:
            await tx.connection.execute(f"update applied set {after} where key = 'b'")
        meanwhile = await db_now(tx.connection)

    rows, now = waiting.result()
    assert rows == [1, reads]
    assert now > meanwhile


async def test_where_nothing_is_locked_there_is_still_a_time(database: Database) -> None:
    async with database.connection() as connection:
        before = await db_now(connection)

    rows, now = await _locked(database, "nobody")

    assert rows == []
    assert now > before


async def test_all_of_a_command_has_one_time(database: Database) -> None:
    async with database.begin() as tx:
        clock = TransactionClock(tx.connection)

        assert await clock.now() == await clock.now()
