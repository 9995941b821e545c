"""A list of beds on a real database, followed as each API process follows it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

# A plain file beside the tests.
sys.path.insert(0, str(Path(__file__).parent))

from watching import CHANNEL, ROWS, MakeLive, create_schema

from chassis.database.sql import Database
from chassis.live import Live
from chassis.testing.databases import SchemaDatabase


@pytest_asyncio.fixture
async def database(schema_database: SchemaDatabase) -> AsyncIterator[Database]:
    database = Database(await schema_database("beds", create_schema), pool_size=16)
    await database.open()
    yield database
    await database.close()


@pytest_asyncio.fixture
async def make_live(database: Database) -> AsyncIterator[MakeLive]:
    """Another process of the same service."""
    tasks = []

    async def make() -> Live:
        live = Live(database, channel=CHANNEL, rows=ROWS, tick_seconds=0.1)
        tasks.append(asyncio.create_task(live.run()))
        return live

    yield make
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest_asyncio.fixture
async def live(make_live: MakeLive) -> Live:
    return await make_live()
