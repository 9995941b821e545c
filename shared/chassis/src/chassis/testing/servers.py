"""The broker and the database of a test run: given, embedded, or in containers."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from chassis.testing import containers
from embedded.kafka import Kafka
from embedded.postgres import NOT_DURABLE, Postgres

# Tests make and forget topics by the hundred: their files go after a second instead of a minute.
TEST_BROKER_SETTINGS = {"log.segment.delete.delay.ms": 1000, "log.index.size.max.bytes": 256 * 2**10}


@dataclass(frozen=True)
class Broker:
    bootstrap_servers: str


@dataclass(frozen=True)
class DatabaseServer:
    """A PostgreSQL; the URL is an administrator's."""

    url: str


@asynccontextmanager
async def running_broker() -> AsyncIterator[Broker]:
    """KAFKA_BOOTSTRAP_SERVERS where it is set; else an embedded broker, or one in a container (see ``containers.wanted``)."""
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given:
        yield Broker(given)
    elif containers.wanted():
        async with containers.kafka() as bootstrap_servers:
            yield Broker(bootstrap_servers)
    else:
        with temporary_folder() as folder:
            broker = Kafka(folder, settings=TEST_BROKER_SETTINGS)
            try:
                await broker.start()
                yield Broker(broker.bootstrap_servers)
            finally:
                await broker.stop()


@asynccontextmanager
async def running_database_server() -> AsyncIterator[DatabaseServer]:
    """DATABASE_URL where it is set; else an embedded PostgreSQL, or one in a container."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield DatabaseServer(given)
    elif containers.wanted():
        async with containers.postgres() as url:
            yield DatabaseServer(url)
    else:
        with temporary_folder() as folder:
            server = Postgres(folder, settings=NOT_DURABLE)
            try:
                await server.start()
                yield DatabaseServer(server.url)
            finally:
                await server.stop()


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that the user of PostgreSQL may enter as well, which pytest's own folders are not when root runs the tests."""
    with tempfile.TemporaryDirectory(prefix="schakel-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
