"""Kafka and PostgreSQL in containers, for a machine that has a Docker engine and no Java."""

import os
import secrets
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from chassis.testing.waiting import eventually
from embedded.kafka import broker_answers
from embedded.postgres import database_answers

KAFKA_IMAGE = "apache/kafka:4.3.1"
POSTGRES_IMAGE = "postgres:17"
_START_LIMIT_SECONDS = 120


@cache
def wanted() -> bool:
    """Whether the servers are to run in containers: TEST_SERVERS says so (``containers`` or ``embedded``), or there is no Java but an engine.

    Embedded ones are ready in two seconds and need no images, so they come first.
    """
    choice = os.environ.get("TEST_SERVERS", "")
    if choice:
        return choice == "containers"
    return shutil.which("java") is None and "JAVA_HOME" not in os.environ and engine_answers()


def engine_answers() -> bool:
    """Whether a Docker engine answers; the client's binary alone proves nothing."""
    # Imported here: only who asks for containers needs the package.
    import docker  # noqa: PLC0415
    from docker.errors import DockerException  # noqa: PLC0415

    try:
        docker.from_env(timeout=3).close()
    except DockerException:
        return False
    return True


@asynccontextmanager
async def kafka() -> AsyncIterator[str]:
    """A broker in a container; gives its bootstrap servers."""
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - as above

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # A broker tells its clients its own address, so the port outside has to be known before it starts.
    container = (
        DockerContainer(KAFKA_IMAGE)
        .with_bind_ports(port, port)
        .with_envs(
            KAFKA_NODE_ID="1",
            KAFKA_PROCESS_ROLES="broker,controller",
            KAFKA_LISTENERS=f"PLAINTEXT://0.0.0.0:{port},CONTROLLER://127.0.0.1:29093",
            KAFKA_ADVERTISED_LISTENERS=f"PLAINTEXT://127.0.0.1:{port}",
            KAFKA_LISTENER_SECURITY_PROTOCOL_MAP="PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            KAFKA_INTER_BROKER_LISTENER_NAME="PLAINTEXT",
            KAFKA_CONTROLLER_LISTENER_NAMES="CONTROLLER",
            KAFKA_CONTROLLER_QUORUM_VOTERS="1@127.0.0.1:29093",
            KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR="1",
            KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR="1",
            KAFKA_TRANSACTION_STATE_LOG_MIN_ISR="1",
            KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS="0",
            KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS="1000",
            KAFKA_AUTO_CREATE_TOPICS_ENABLE="false",
            KAFKA_LOG_SEGMENT_DELETE_DELAY_MS="1000",
        )
    )
    bootstrap_servers = f"127.0.0.1:{port}"
    with container:
        await eventually(lambda: broker_answers(bootstrap_servers), timeout=_START_LIMIT_SECONDS, every=0.3, what="Kafka in its container")
        yield bootstrap_servers


@asynccontextmanager
async def postgres() -> AsyncIterator[str]:
    """PostgreSQL in a container; gives an administrator's URL."""
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - as above

    password = secrets.token_urlsafe(24)
    container = DockerContainer(POSTGRES_IMAGE).with_exposed_ports(5432).with_env("POSTGRES_PASSWORD", password)
    # What only a power cut would lose is not needed in a test.
    container = container.with_command("postgres -c fsync=off -c full_page_writes=off")
    with container:
        url = f"postgresql://postgres:{password}@127.0.0.1:{container.get_exposed_port(5432)}/postgres"
        await eventually(lambda: database_answers(url), timeout=_START_LIMIT_SECONDS, every=0.3, what="PostgreSQL in its container")
        yield url
