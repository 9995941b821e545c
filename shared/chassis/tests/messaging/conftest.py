"""The probe on real servers: in this process where that is enough, as a process of its own where it is killed."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

# The probe is a program too, so it is a plain file beside the tests.
sys.path.insert(0, str(Path(__file__).parent))

import probe
import probe_schema
from playground import Playground

from chassis.database.sql import Database
from chassis.settings import ServiceSettings
from chassis.testing.databases import Databases
from chassis.testing.processes import Processes
from chassis.testing.servers import Broker


@pytest_asyncio.fixture(scope="session")
async def probe_database(databases: Databases) -> AsyncIterator[str]:
    url = await databases.clone("probe", probe_schema.create_schema)
    yield url
    await databases.drop(url)


@pytest_asyncio.fixture
async def database_url(probe_database: str) -> str:
    """One database for all these tests, emptied before each: a clone for each would take longer than the tests."""
    connection = await asyncpg.connect(probe_database)
    # Sessions of processes that were killed may still hold a lock or two; an autovacuum is not ours to end, and lets go by itself.
    await connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
    )
    await connection.execute(f"truncate {', '.join(probe_schema.metadata.tables)} restart identity")
    await connection.close()
    return probe_database


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, pool_size=16)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def settings(broker: Broker, database_url: str, namespace: str) -> ServiceSettings:
    return ServiceSettings(kafka_bootstrap_servers=broker.bootstrap_servers, database_url=database_url, namespace=namespace)


@pytest.fixture
def playground(settings: ServiceSettings, database: Database, processes: Processes) -> Playground:
    return Playground(settings, database, processes)


@pytest_asyncio.fixture
async def probe_topics(topics: Callable[..., Awaitable[None]]) -> None:
    await topics(topics=probe.TOPICS, partitions=2)
