"""The database away, restarted or overloaded: "try again", and nothing half done."""

import asyncio

import asyncpg
import probe
import probe_schema
import pytest
from playground import Log, a_delivery, deliver

from chassis.database.sql import Database
from chassis.errors import Unavailable
from chassis.settings import ServiceSettings
from chassis.testing.fixtures import OwnPostgres
from chassis.testing.waiting import eventually


async def _terminate(database: Database, but: int) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid = $1", but
        )


@pytest.mark.parametrize("when", ["in a statement", "between statements", "at the commit"])
async def test_a_connection_that_is_cut_is_unavailable_and_the_next_one_works(database: Database, when: str) -> None:
    async def is_cut() -> None:
        async with database.begin() as tx:
            pid = await tx.connection.fetchval("select pg_backend_pid()")
            if when == "in a statement":
                await asyncio.gather(tx.connection.execute("select pg_sleep(3)"), _terminate(database, pid))
            else:
                await tx.connection.execute("insert into switches values ('half')")
                await _terminate(database, pid)
                if when == "between statements":
                    await tx.connection.fetchval("select 1")

    with pytest.raises(Unavailable):
        await is_cut()
    async with database.connection() as connection:
        assert await connection.fetchval("select count(*) from switches") == 0


async def test_a_statement_that_takes_too_long_is_unavailable(database: Database) -> None:
    async def takes_too_long() -> None:
        async with database.connection() as connection:
            await connection.execute("set statement_timeout = 50")
            await connection.execute("select pg_sleep(3)")

    with pytest.raises(Unavailable):
        await takes_too_long()


async def test_an_argument_that_fits_nowhere_is_a_fault_and_not_a_reason_to_wait(database: Database) -> None:
    with pytest.raises(asyncpg.DataError):
        async with database.begin() as tx:
            await tx.connection.execute("insert into taken values ($1)", 17)


async def test_deadlocks_are_undone_and_may_be_tried_again(database: Database) -> None:
    async with database.begin() as tx:
        await tx.connection.execute("insert into taken values ('a'), ('b')")
    have_one = asyncio.Barrier(2)

    async def lock(*ids: str) -> None:
        async with database.begin() as tx:
            for id_ in ids:
                await tx.connection.execute("select from taken where id = $1 for update", id_)
                if id_ == ids[0]:
                    await have_one.wait()

    outcomes = await asyncio.gather(lock("a", "b"), lock("b", "a"), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "Unavailable"]


async def test_a_task_that_is_cancelled_gives_its_connection_back_and_leaves_nothing(database_url: str) -> None:
    database = Database(database_url, pool_size=1)
    await database.open()

    async def writes() -> None:
        async with database.begin() as tx:
            await tx.connection.execute("insert into switches values ('half')")
            await tx.connection.execute("select pg_sleep(3)")

    for _ in range(3):
        task = asyncio.create_task(writes())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with database.connection() as connection:
        assert await connection.fetchval("select count(*) from switches") == 0
    await database.close()


async def test_before_it_is_opened_and_without_a_server_it_is_unavailable() -> None:
    database = Database("postgresql://nobody:x@127.0.0.1:1/none")
    with pytest.raises(Unavailable):
        async with database.begin():
            pass
    await database.open()
    with pytest.raises(Unavailable):
        async with database.begin():
            pass
    await database.close()


async def test_a_batch_waits_for_a_database_that_is_killed_and_comes_back(own_postgres: OwnPostgres, settings: ServiceSettings) -> None:
    server = await own_postgres()
    await probe_schema.create_schema(server.url)
    database = Database(server.url)
    await database.open()
    delivery, log = a_delivery(settings, database), Log()
    await deliver(delivery, probe.EVENTS, [log.append("a", 1)])
    server.kill()
    await server.process.exited(10)

    batch = asyncio.create_task(deliver(delivery, probe.EVENTS, [log.append("a", 2)]))
    with pytest.raises(Unavailable):
        async with database.begin():
            pass
    assert not batch.done()
    await server.start()
    await asyncio.wait_for(batch, timeout=20)

    async def both() -> bool:
        async with database.connection() as connection:
            return [row["n"] for row in await connection.fetch("select n from applied order by id")] == [1, 2]

    await eventually(both)
    await database.close()
