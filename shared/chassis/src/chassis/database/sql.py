"""One database a service, one transaction a command or batch, and its events written with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import structlog

from chassis.database.connection import Connection, Pool
from chassis.database.generations import refuse_restored
from chassis.database.known_types import KnowingConnection
from chassis.database.outbox import Outgoing, write_outbox
from chassis.errors import Rejected, Unavailable
from chassis.observability import telemetry
from chassis.observability.trace_context import traceparent_of
from contracts.event import Ended, Event
from contracts.topic import Topic

log = structlog.get_logger()

__all__ = ["Connection", "Database", "Transaction"]

PLANNING = {
    # Compiling a statement costs more than any of ours takes.
    "jit": "off",
    # Plans are made when tables are empty, and kept: reading all of a table is the best way then, and stays it until the server has
    # counted the rows again. Everything that we ask for often, we ask for by key.
    "enable_seqscan": "off",
    # What is asked for often lies in memory, where a page costs no more than its rows. With the cost of a disk, ten keys seem so much
    # dearer than the one that is meant that every statement with a list of keys was planned anew each time.
    "seq_page_cost": "0.1",
    "random_page_cost": "0.1",
}
"""How the server plans our statements, for every session of ours that has many."""

# Shorter than Kafka's session timeout: a paused worker must not hold its rows against the one that takes over its partitions.
_SERVER_SETTINGS = {
    "statement_timeout": "4000",
    "idle_in_transaction_session_timeout": "4000",
    **PLANNING,
    "timezone": "UTC",
}

# What says "try again": the server is away, restarting, full, or undid our transaction in favour of another.
PASSING = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    # What asyncpg says when the server's farewell arrived between two statements.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.TransactionRollbackError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.LockNotAvailableError,
    # A server that was the first and is the second now.
    asyncpg.ReadOnlySQLTransactionError,
)

LONGEST_KEY = 512
"""Bytes. Keys stand in indexes, whose rows PostgreSQL keeps under 2.7 kB; a longer one cannot be read either."""

# Kafka takes a megabyte by default; the rest of a record is headers.
_LARGEST_BODY = 900_000


@dataclass(slots=True)
class Transaction:
    """One transaction and the events that leave with it."""

    connection: Connection
    _outgoing: list[Outgoing]

    def publish(self, topic: Topic, event: Event, *, key: str, partition: int | None = None, event_id: UUID | None = None) -> None:
        """Send this event when, and only when, this transaction commits.

        Events of one key leave in the order of these calls; their versions are counted as the transaction commits.

        Args:
            topic: a topic of this service that carries this event.
            event: the fact.
            key: the record's key; events of one key stay in order.
            partition: only for records that belong to a partition itself, such as heartbeats.
            event_id: the CloudEvents id, when it must be known beforehand.

        Raises:
            Rejected: when the body is larger than Kafka takes.
            ValueError: when the topic does not carry such an event, or the key cannot be one.
        """
        if type(event) not in topic.events:
            raise ValueError(f"{topic.name} does not carry {type(event).__name__}")
        if not key or len(key.encode()) > LONGEST_KEY or "\x00" in key:
            raise ValueError(f"a key has 1 to {LONGEST_KEY} bytes and no NUL")
        body = event.body()
        if len(body) > _LARGEST_BODY:
            raise Rejected("event-too-large", "What this would publish is larger than the broker takes.", status=413)
        self._collect(topic, event, key, body, partition=partition, event_id=event_id)

    def end(self, topic: Topic, *, key: str) -> None:
        """Say on a compacted topic that this key is gone for good, when this transaction commits: a tombstone, with the key's next version.

        Raises:
            ValueError: when the topic is not compacted: events on others are history, which does not end.
        """
        if not topic.is_compacted:
            raise ValueError(f"{topic.name} keeps no states that could end")
        self._collect(topic, Ended(key=key), key, None)

    def _collect(
        self, topic: Topic, event: Event, key: str, body: bytes | None, *, partition: int | None = None, event_id: UUID | None = None
    ) -> None:
        self._outgoing.append(
            Outgoing(
                topic=topic.name,
                key=key,
                type=event.ce_type,
                subject=event.subject,
                body=body,
                event_id=event_id or uuid4(),
                partition=partition,
                traceparent=traceparent_of(key),
            )
        )

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo what is done inside, its events too, when it raises."""
        sent_before = len(self._outgoing)
        try:
            async with self.connection.transaction():
                yield
        except BaseException:
            del self._outgoing[sent_before:]
            raise

    async def flush(self) -> None:
        """Write the collected events; done by the database at commit."""
        if self._outgoing:
            await write_outbox(self.connection, self._outgoing)
            self._outgoing.clear()


class Database:
    """The service's own PostgreSQL database, through a small pool."""

    def __init__(self, url: str, *, pool_size: int = 8, application_name: str = "schakel", even_restored: bool = False) -> None:
        """Nothing is connected before `open`, and `open` needs no server: an API starts while PostgreSQL is away.

        Args:
            url: of the service's own database.
            pool_size: most connections.
            application_name: shown in the server's list of sessions.
            even_restored: also when it was restored to an earlier point, which closes it to all but the command that settles that.
        """
        self._url = url
        self._pool_size = pool_size
        self._settings = {**_SERVER_SETTINGS, "application_name": application_name}
        self._unavailable = telemetry.database_unavailable.labels(application_name)
        self._prepare = _set_codecs if even_restored else _prepare
        self._pool: Pool | None = None

    async def open(self) -> None:
        """Make the pool; connections come when they are needed."""
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=self._pool_size,
            # asyncpg's default is 50,000, which a busy worker reaches every two minutes: a new connection, and every plan made anew.
            max_queries=2**31,
            timeout=3,
            command_timeout=5,
            init=self._prepare,
            connection_class=KnowingConnection,
            reset=_leave_as_it_is,
            server_settings=self._settings,
        )

    async def close(self) -> None:
        """Return all connections; those that do not come back in a second are cut."""
        if self._pool is None:
            return
        try:
            await asyncio.wait_for(self._pool.close(), timeout=1)
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for reading.

        Raises:
            Unavailable: when the database cannot be reached, is full, gave up on this, or was restored to an earlier point.
        """
        if self._pool is None:
            raise Unavailable
        try:
            connection: Any = await self._pool.acquire(timeout=3)
        except PASSING as trouble:
            log.warning("no database connection", kind=type(trouble).__name__)
            self._unavailable.inc()
            raise Unavailable from trouble
        try:
            yield connection
        except PASSING as trouble:
            log.warning("database gave up", kind=type(trouble).__name__)
            self._unavailable.inc()
            raise Unavailable from trouble
        finally:
            # A connection that broke while in use has nothing to give back; the pool replaces it.
            with suppress(*PASSING):
                await self._pool.release(connection, timeout=3)

    @asynccontextmanager
    async def own_connection(self) -> AsyncIterator[Connection]:
        """A connection outside the pool, for who listens to notifications; it waits for the server as the others do.

        Raises:
            one of PASSING, as it comes: who keeps a connection for long decides what to do when it breaks.
        """
        connection: Any = await asyncpg.connect(
            self._url, timeout=3, command_timeout=5, connection_class=KnowingConnection, server_settings=self._settings
        )
        try:
            await self._prepare(connection)
            yield connection
        finally:
            connection.terminate()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        """One transaction, READ COMMITTED; commits when the block ends well, with all its events, and undoes everything otherwise.

        Raises:
            Unavailable: as `connection`; then nothing was changed, unless the very commit was cut off.
        """
        async with self.connection() as connection, connection.transaction():
            tx = Transaction(connection, [])
            yield tx
            await tx.flush()


async def _leave_as_it_is(_: Connection) -> None:
    """Instead of asyncpg's reset, which costs a round trip a request: none of our statements sets what outlives a transaction."""


async def _prepare(connection: Connection) -> None:
    await _set_codecs(connection)
    await refuse_restored(connection)


async def _set_codecs(connection: Connection) -> None:
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=_to_json, decoder=orjson.loads, format="text")


def _to_json(value: object) -> str:
    return orjson.dumps(value).decode()
