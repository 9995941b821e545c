"""One running system for the tests of a file, and one whose servers may be broken."""

import secrets
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio

from chassis.testing.databases import Databases
from chassis.testing.kafka import delete_topics
from chassis.testing.servers import TEST_BROKER_SETTINGS, Broker, temporary_folder
from embedded.kafka import Kafka
from embedded.postgres import Postgres

from .system import BEDS, PATIENTS, System, prepared


@asynccontextmanager
async def running_system(bootstrap_servers: str, databases: Databases, services: Sequence[str] = BEDS) -> AsyncIterator[System]:
    namespace = f"e2e{secrets.token_hex(4)}"
    with tempfile.TemporaryDirectory(prefix="schakel-e2e-", ignore_cleanup_errors=True) as folder:
        async with prepared(bootstrap_servers, databases, namespace, services) as servers:
            system = System(servers, namespace, Path(folder))
            try:
                await system.open()
                yield system
            finally:
                await system.close()


@pytest_asyncio.fixture(scope="module")
async def system(broker: Broker, databases: Databases) -> AsyncIterator[System]:
    """The whole chain on the run's servers; the tests of a file share it, and what it has been told adds up."""
    async with running_system(broker.bootstrap_servers, databases) as running:
        yield running
        await delete_topics(broker.bootstrap_servers, running.namespace)


@pytest_asyncio.fixture(scope="module")
async def whole_system(broker: Broker, databases: Databases) -> AsyncIterator[System]:
    """All four services, on the run's servers."""
    async with running_system(broker.bootstrap_servers, databases, (*BEDS, *PATIENTS)) as running:
        yield running
        await delete_topics(broker.bootstrap_servers, running.namespace)


@dataclass(frozen=True)
class Fragile:
    """A system with a Kafka and a PostgreSQL of its own, which a test may take down."""

    system: System
    kafka: Kafka
    postgres: Postgres
    folders: tuple[Path, ...]
    """All that these two have written."""


@asynccontextmanager
async def _fragile(services: Sequence[str]) -> AsyncIterator[Fragile]:
    with temporary_folder() as kafka_folder, temporary_folder() as postgres_folder:
        kafka = Kafka(kafka_folder, settings=TEST_BROKER_SETTINGS)
        # Durable, because it is killed.
        postgres = Postgres(postgres_folder)
        try:
            await kafka.start()
            await postgres.start()
            async with running_system(kafka.bootstrap_servers, Databases(postgres.url), services) as running:
                yield Fragile(running, kafka, postgres, (kafka_folder, postgres_folder))
        finally:
            await postgres.stop()
            await kafka.stop()


@pytest_asyncio.fixture(scope="module")
async def fragile() -> AsyncIterator[Fragile]:
    async with _fragile(BEDS) as servers:
        yield servers


@pytest_asyncio.fixture(scope="module")
async def fragile_whole() -> AsyncIterator[Fragile]:
    """All four services, on servers that may be taken down and whose files may be searched."""
    async with _fragile((*BEDS, *PATIENTS)) as servers:
        yield servers
