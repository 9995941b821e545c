"""The fixtures of every test in the workspace, loaded with ``-p chassis.testing.fixtures``.

Nothing starts before a test asks for it, so unit tests pay nothing. Servers live for the whole run; what a test makes in them is its
own: a namespace of topics and groups, a database cloned from a template.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from chassis.testing.databases import CreateSchema, Databases, SchemaDatabase, ServiceDatabase, migrate
from chassis.testing.kafka import delete_topics
from chassis.testing.processes import Processes
from chassis.testing.servers import TEST_BROKER_SETTINGS, Broker, DatabaseServer, running_broker, running_database_server, temporary_folder
from embedded.kafka import Kafka
from embedded.postgres import Postgres

MakeTopics = Callable[..., Awaitable[None]]
OwnBroker = Callable[[], Awaitable[Kafka]]
OwnPostgres = Callable[[], Awaitable[Postgres]]


@pytest_asyncio.fixture(scope="session")
async def broker() -> AsyncIterator[Broker]:
    """The run's Kafka broker."""
    async with running_broker() as running:
        yield running


@pytest_asyncio.fixture(scope="session")
async def database_server() -> AsyncIterator[DatabaseServer]:
    """The run's PostgreSQL."""
    async with running_database_server() as running:
        yield running


@pytest.fixture
def namespace() -> str:
    """A prefix that no other test uses, for topics, consumer groups and transactional ids."""
    return f"t{secrets.token_hex(5)}"


@pytest_asyncio.fixture
async def topics(broker: Broker, namespace: str) -> AsyncIterator[MakeTopics]:
    """Makes all topics in the test's namespace, or those given as ``topics=``; they are deleted after the test.

    As in ``await topics(partitions=4)``.
    """
    # Only tests with topics need the registry of topics.
    from chassis.kafka.topics import create_topics  # noqa: PLC0415 - as said
    from chassis.settings import ServiceSettings  # noqa: PLC0415 - as said

    yield partial(create_topics, ServiceSettings(kafka_bootstrap_servers=broker.bootstrap_servers, namespace=namespace))
    await delete_topics(broker.bootstrap_servers, namespace)


@pytest_asyncio.fixture(scope="session")
async def databases(database_server: DatabaseServer) -> AsyncIterator[Databases]:
    """The run's template databases; a test asks for ``service_database`` or ``schema_database``."""
    made = Databases(database_server.url)
    yield made
    await made.drop_templates()


@pytest_asyncio.fixture
async def service_database(databases: Databases) -> AsyncIterator[ServiceDatabase]:
    """Gives the URL of a fresh, migrated database of a service, dropped after the test.

    As in ``url = await service_database("capacity")``.
    """
    cloned: list[str] = []

    async def fresh(service: str) -> str:
        cloned.append(await databases.clone(service, partial(migrate, service)))
        return cloned[-1]

    yield fresh
    for url in cloned:
        await databases.drop(url)


@pytest_asyncio.fixture
async def schema_database(databases: Databases) -> AsyncIterator[SchemaDatabase]:
    """Gives the URL of a fresh database with the schema that a function makes in an empty one, once a run.

    As in ``url = await schema_database("outbox", create)``.
    """
    cloned: list[str] = []

    async def fresh(name: str, create: CreateSchema) -> str:
        cloned.append(await databases.clone(name, create))
        return cloned[-1]

    yield fresh
    for url in cloned:
        await databases.drop(url)


@pytest_asyncio.fixture
async def processes(tmp_path: Path) -> AsyncIterator[Processes]:
    """Runs real service processes and kills those left after the test.

    As in ``worker = processes.start("capacity", "worker", env={...})``.
    """
    started = Processes(tmp_path)
    yield started
    await started.end_all()


@pytest_asyncio.fixture
async def own_broker() -> AsyncIterator[OwnBroker]:
    """Starts a broker that the test may stop, kill, pause and start again with its data.

    As in ``kafka = await own_broker()``.
    """
    async with AsyncExitStack() as stack:

        async def start() -> Kafka:
            own = Kafka(stack.enter_context(temporary_folder()), settings=TEST_BROKER_SETTINGS)
            stack.push_async_callback(own.stop)
            await own.start()
            return own

        yield start


@pytest_asyncio.fixture
async def own_postgres() -> AsyncIterator[OwnPostgres]:
    """Starts a durable PostgreSQL that the test may stop, kill and start again with its data.

    As in ``postgres = await own_postgres()``.
    """
    async with AsyncExitStack() as stack:

        async def start() -> Postgres:
            own = Postgres(stack.enter_context(temporary_folder()))
            stack.push_async_callback(own.stop)
            await own.start()
            return own

        yield start
