"""Whoever deploys or is on call sees from outside that a worker is frozen, however alive it looks."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import create_async_engine

from chassis.database.schema import chassis_tables
from chassis.database.sql import Database
from chassis.standing.health import Health, Reads
from chassis.testing.databases import SchemaDatabase

FRESH, OLD = timedelta(0), timedelta(seconds=11)


async def create(url: str) -> None:
    metadata = MetaData()
    chassis_tables(metadata)
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()


@pytest_asyncio.fixture
async def database(schema_database: SchemaDatabase) -> AsyncIterator[Database]:
    made = Database(await schema_database("health", create))
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def health(database: Database) -> Health:
    return Health(database, [Reads("capacity", ["capacity.reports.v1"])])


async def beat(
    database: Database,
    partition: int = 0,
    *,
    reader: str = "capacity",
    topic: str = "capacity.reports.v1",
    age: timedelta = FRESH,
    position: int = 5,
    end: int = 5,
    still: timedelta = FRESH,
) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "insert into heartbeats (reader, topic, partition, at, position, end_offset, moved_at, instance) "
            "values ($1, $2, $3, clock_timestamp() - $4::interval, $5, $6, clock_timestamp() - $7::interval, 'one')",
            reader,
            topic,
            partition,
            age,
            position,
            end,
            still,
        )


async def relay(database: Database, *, unsent: int = 0, still: timedelta = FRESH, age: timedelta = FRESH) -> None:
    await beat(database, -1, reader="relay", topic="", position=0, end=unsent, still=still, age=age)


async def test_a_service_that_keeps_up_is_ready(health: Health, database: Database) -> None:
    await beat(database, 0)
    await beat(database, 1, position=3, end=10)
    await relay(database, unsent=4)

    readiness = await health.ready()

    assert readiness.is_ready
    assert (readiness.unsent, readiness.waiting) == (4, 7)


async def test_an_idle_worker_is_no_frozen_one(health: Health, database: Database) -> None:
    await beat(database, still=OLD)
    await relay(database, still=OLD)

    assert (await health.ready()).is_ready


async def test_a_worker_nobody_heard_of_is_not_ready(health: Health, database: Database) -> None:
    await relay(database)

    readiness = await health.ready()

    assert not readiness.is_ready
    assert [check.name for check in readiness.checks if check.problem] == ["capacity reads capacity.reports.v1"]


async def test_one_silent_partition_is_enough(health: Health, database: Database) -> None:
    await beat(database, 0)
    await beat(database, 1, age=OLD)
    await relay(database)

    assert not (await health.ready()).is_ready


async def test_a_consumer_that_stands_still_with_records_before_it_is_frozen(health: Health, database: Database) -> None:
    await beat(database, position=5, end=6, still=OLD)
    await relay(database)

    assert not (await health.ready()).is_ready


@pytest.mark.parametrize("trouble", [{"unsent": 1, "still": OLD}, {"age": OLD}])
async def test_a_relay_that_hangs_is_not_ready(health: Health, database: Database, trouble: dict[str, Any]) -> None:
    await beat(database)
    await relay(database, **trouble)

    assert not (await health.ready()).is_ready


async def test_a_reader_that_is_no_longer_ours_does_not_count(health: Health, database: Database) -> None:
    await beat(database)
    await beat(database, reader="retired", age=OLD, position=0, end=100)
    await relay(database)

    readiness = await health.ready()

    assert readiness.is_ready
    assert readiness.waiting == 0


async def test_without_a_database_nothing_is_ready_and_nothing_claimed() -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/nowhere")
    await away.open()

    readiness = await Health(away).ready()

    assert not readiness.is_ready
    assert readiness.view() == {
        "ready": False,
        "checks": [{"name": "database", "ok": False, "problem": "cannot be reached"}],
        "unsent": None,
        "waiting": None,
    }
    assert not await Health(away).startup()
    await away.close()


async def test_started_once_is_started_for_good(database: Database) -> None:
    health = Health(database)
    assert await health.startup()
    await database.close()

    assert await health.startup()
