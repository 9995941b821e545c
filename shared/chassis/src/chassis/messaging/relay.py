"""The relay: sends what is in the outbox, in order, once as far as readers can see, and never over what a later relay sent."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, ProducerFenced

from chassis.database.connection import Connection
from chassis.database.generations import refuse_restored
from chassis.database.outbox import CHANNEL, FENCED
from chassis.database.sql import PASSING, PLANNING
from chassis.errors import MustStop
from chassis.kafka.access import transactional_id
from chassis.kafka.cloudevents import headers_of
from chassis.observability import telemetry, tracing
from chassis.settings import ServiceSettings

log = structlog.get_logger()

_LOCK = 7_240_001
_BATCH = 1_000
_POLL_SECONDS = 1.0
_MARK_WITHIN_SECONDS = 0.05
_LONGEST_SEND_SECONDS = 30.0
_PRUNE_EVERY_SECONDS = 1.0
# A server that no longer answers at all; its own limit below is shorter.
_LONGEST_STATEMENT_SECONDS = 12.0

_SERVER_SETTINGS = {
    "application_name": "relay",
    "statement_timeout": "10000",
    # A relay that is paused keeps its connection, and with it the lock: the server ends a session that says nothing for so long, and
    # the next relay takes over. What the paused one sends when it wakes is refused by the broker.
    "idle_session_timeout": "10000",
    # A mark that is lost in a crash costs a second sending, which readers skip.
    "synchronous_commit": "off",
    **PLANNING,
    # Few statements, always by key: a plan for all is the best for each, while a first plan from when the outbox was empty looked cheaper
    # than any later one, and every look was planned anew.
    "plan_cache_mode": "force_generic_plan",
    # Only the plain scan of the index of what is unsent also forgets rows that were sent since.
    "enable_bitmapscan": "off",
}

# A relay speaks every second. One that was stopped in the middle of a conversation is not idle to the server, which would then wait for it
# for ever: who waits for the lock ends such a session. Its role may, because it is the same one.
_SILENT_SECONDS = 15
_END_SILENT = """
select pg_terminate_backend(pid) from pg_locks join pg_stat_activity using (pid)
where locktype = 'advisory' and classid = 0 and objid = $1::bigint::oid and objsubid = 1 and granted
  and database = (select oid from pg_database where datname = current_database())
  and state_change < clock_timestamp() - make_interval(secs => $2)
"""

# What was sent is marked with the next look: one statement a round instead of two, and a mark that is lost costs a second sending.
# By flag and not by id: a row with a lower id may commit later. Not "skip locked": rows of a key would overtake each other. A key whose
# row can never be sent waits behind it.
_MARK = "update outbox set published_at = clock_timestamp() where id = any($1::bigint[])"
_MARK_AND_LOOK = f"""
with marked as ({_MARK}), stopped as materialized (
    select aggregatetype, aggregateid from outbox where refused is not null
)
select id, aggregatetype, aggregateid, type, payload, event_id, subject, version, partition, traceparent, created_at
from outbox
where published_at is null and id <> all($1::bigint[])
  and (aggregatetype, aggregateid) not in (select aggregatetype, aggregateid from stopped)
order by id limit {_BATCH}
"""
_REFUSE = "update outbox set refused = $2 where id = $1"
# Sent rows are kept for an hour, for people who look; the oldest ids are the first in the primary key. A few at a time: twenty thousand
# every 20 s kept everybody else waiting for 0.2 s. The statement's own time and not the clock's, which is another one for every row: then
# nothing is read while the first is younger, and afterwards nothing beyond the thousandth.
_PRUNE = """
delete from outbox
where (select created_at from outbox order by id limit 1) < now() - interval '1 hour'
  and id <= (select max(id) from (select id from outbox order by id limit 1000) as oldest)
  and published_at < now() - interval '1 hour'
"""
# It moves while it sends or has nothing to send; behind a row that can never be sent it stands still.
_BEAT = """
insert into heartbeats (reader, topic, partition, at, position, end_offset, moved_at, instance)
select 'relay', '', -1, clock_timestamp(), 0, count(*),
       least(clock_timestamp() - make_interval(secs => $2), min(created_at) filter (where refused is not null)), $1
from outbox where published_at is null
on conflict (reader, topic, partition) do update
set at = excluded.at, end_offset = excluded.end_offset, moved_at = excluded.moved_at, instance = excluded.instance
"""
_NOTE_FENCED = """
insert into heartbeats (reader, topic, partition, position, end_offset, moved_at, instance) values ($1, '', -1, 1, 1, clock_timestamp(), $2)
on conflict (reader, topic, partition) do update
set at = excluded.at, position = heartbeats.position + 1, end_offset = heartbeats.position + 1, moved_at = excluded.moved_at,
    instance = excluded.instance
"""

T = TypeVar("T")


class _StartAgain(Exception):  # noqa: N818  an order to the relay
    """The producer can send no more, but a new one can."""


@dataclass(slots=True)
class _Outcome:
    """What became of some rows; those that are in none of these are sent again."""

    acknowledged: list[int] = field(default_factory=list)
    too_large: list[asyncpg.Record] = field(default_factory=list)
    """For a request: they were never sent."""
    refused: list[asyncpg.Record] = field(default_factory=list)
    """By the broker, with all that was in the same bundle."""


class Relay:
    """Sends a service's outbox to Kafka; one at a time per service, whichever process has the lock."""

    def __init__(self, settings: ServiceSettings, service: str, rest_seconds: float = 0.0) -> None:
        """Connects to nothing yet; rests so long after it has sent something."""
        self._settings = settings
        self._service = service
        self._rest_seconds = rest_seconds
        self._woken = asyncio.Event()
        self._sent: list[int] = []
        """Acknowledged by the broker, and not marked yet."""
        self._moved_at = 0.0
        self._has_refused = False

    async def run(self) -> None:
        """Wait for the lock, then send until cancelled; while the database is away, wait for it and take the lock again.

        Raises:
            MustStop: when a later relay has taken over, or the broker is not there or has acknowledged nothing for 30 s.
        """
        while True:
            try:
                await self._run_once()
            except PASSING as trouble:
                # The lock went with the connection; another relay may have it now, and the broker knows the latest.
                log.warning("database away, relay waits", kind=type(trouble).__name__)
                await asyncio.sleep(_POLL_SECONDS)
            except _StartAgain:
                log.warning("relay takes a new producer")
            except ProducerFenced as fenced:
                await self._note_fenced()
                raise MustStop("a later relay has taken over") from fenced
            except KafkaError as error:
                raise MustStop(f"the broker cannot be reached or refuses: {type(error).__name__}") from error

    async def _note_fenced(self) -> None:
        # This process ends before Prometheus has asked it.
        with suppress(*PASSING):
            connection = await asyncpg.connect(self._settings.database_url, timeout=2, command_timeout=2)
            try:
                await connection.execute(_NOTE_FENCED, FENCED, self._settings.instance)
            finally:
                connection.terminate()

    @asynccontextmanager
    async def silenced(self) -> AsyncIterator[None]:
        """While the block lasts no relay of this service sends; what an earlier one still had in hand the broker refuses from now on.

        Raises:
            MustStop: when one runs.
        """
        connection = await asyncpg.connect(self._settings.database_url, timeout=5, server_settings={"application_name": "relay"})
        try:
            if not await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK):
                raise MustStop("the relay of this service still runs: stop all of its processes first")
            producer = self._new_producer()
            try:
                await _start_fencing(producer)
            finally:
                await producer.stop()
            yield
        finally:
            connection.terminate()

    async def _run_once(self) -> None:
        connection = await asyncpg.connect(
            self._settings.database_url, timeout=5, command_timeout=_LONGEST_STATEMENT_SECONDS, server_settings=_SERVER_SETTINGS
        )
        try:
            await refuse_restored(connection)
            while not await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK):
                await connection.execute(_END_SILENT, _LOCK, _SILENT_SECONDS)
                await asyncio.sleep(_POLL_SECONDS / 2)
            log.info("relay has the lock")
            producer = self._new_producer()
            try:
                await self._meanwhile(connection, _start_fencing(producer))
                await self._send_all(connection, producer)
            finally:
                with suppress(*PASSING):
                    await connection.execute(_MARK, self._sent, timeout=2)
                self._sent.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(producer.stop(), timeout=2)
        finally:
            connection.terminate()

    def _new_producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self._settings.kafka(),
            client_id=f"{self._service}-relay",
            transactional_id=self._settings.named(transactional_id(self._service)),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            request_timeout_ms=10_000,
        )

    async def _send_all(self, connection: Connection, producer: AIOKafkaProducer) -> None:
        await connection.add_listener(CHANNEL, lambda *_: self._woken.set())
        loop = asyncio.get_running_loop()
        self._moved_at = prune_at = beat_at = loop.time()
        while True:
            # Cleared before the read: what commits during it wakes us again.
            self._woken.clear()
            rows = await connection.fetch(_MARK_AND_LOOK, self._sent)
            self._sent.clear()
            if rows:
                await self._send(connection, producer, rows)
            self._moved_at = loop.time()
            if loop.time() >= beat_at:
                beat_at = loop.time() + _POLL_SECONDS
                await self._beat(connection)
            if len(rows) == _BATCH:
                continue
            if loop.time() >= prune_at:
                prune_at = loop.time() + _PRUNE_EVERY_SECONDS
                await connection.execute(_PRUNE)
            if rows:
                await asyncio.sleep(self._rest_seconds)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), timeout=_MARK_WITHIN_SECONDS if self._sent else _POLL_SECONDS)

    async def _send(self, connection: Connection, producer: AIOKafkaProducer, rows: list[asyncpg.Record]) -> None:
        # The broker takes or refuses a whole bundle of records: to find the one that is too large, each goes alone.
        bundles = [[row] for row in rows] if self._has_refused else [rows]
        for bundle in bundles:
            with telemetry.relay_send_seconds.labels(self._service).time():
                outcome = await self._meanwhile(connection, self._hand_over(producer, bundle))
            self._sent += outcome.acknowledged
            telemetry.relay_sent.labels(self._service).inc(len(outcome.acknowledged))
            is_alone = len(bundle) == 1
            for row in [*outcome.too_large, *(outcome.refused if is_alone else ())]:
                log.error("event can never be sent", topic=row["aggregatetype"], outbox_id=row["id"], event_id=str(row["event_id"]))
                await connection.execute(_REFUSE, row["id"], "larger than the broker takes")
            if outcome.refused:
                # What was refused had its number in the producer's sequence, so the broker takes nothing more from this one.
                self._has_refused = True
                raise _StartAgain
        self._has_refused = False

    async def _hand_over(self, producer: AIOKafkaProducer, rows: list[asyncpg.Record]) -> _Outcome:
        """Send these rows and wait for the broker's word on each."""
        outcome = _Outcome()
        futures: list[tuple[asyncpg.Record, asyncio.Future[Any]]] = []
        stopped: set[tuple[str, str]] = set()
        for row in rows:
            address = (row["aggregatetype"], row["aggregateid"])
            if address in stopped:
                continue
            try:
                futures.append((row, await self._send_row(producer, row)))
            except MessageSizeTooLargeError:
                outcome.too_large.append(row)
                stopped.add(address)
        answers = await asyncio.gather(*(future for _, future in futures), return_exceptions=True)
        failures = []
        for (row, _), answer in zip(futures, answers, strict=True):
            if isinstance(answer, MessageSizeTooLargeError):
                outcome.refused.append(row)
            elif isinstance(answer, BaseException):
                failures.append(answer)
            else:
                outcome.acknowledged.append(row["id"])
        if failures and not outcome.refused:
            raise next((failure for failure in failures if isinstance(failure, ProducerFenced)), failures[0])
        return outcome

    async def _send_row(self, producer: AIOKafkaProducer, row: asyncpg.Record) -> asyncio.Future[Any]:
        making, traceparent = tracing.spans(), row["traceparent"]
        sending = making.sending(row["aggregatetype"], row["type"], traceparent) if making is not None and traceparent is not None else None
        headers = headers_of(
            ce_type=row["type"],
            event_id=row["event_id"],
            owner=self._service,
            subject=row["subject"],
            time=row["created_at"],
            version=row["version"],
            traceparent=traceparent if sending is None else sending.traceparent,
        )
        future: asyncio.Future[Any] = await producer.send(
            self._settings.named(row["aggregatetype"]),
            row["payload"],
            key=row["aggregateid"].encode(),
            partition=row["partition"],
            headers=headers,
        )
        if sending is not None:
            future.add_done_callback(sending.ended)
        return future

    async def _meanwhile(self, connection: Connection, sending: Coroutine[Any, Any, T]) -> T:
        """Wait for the broker, saying something to the database every second so that the lock stays ours and `ready` sees us wait."""
        task = asyncio.ensure_future(sending)
        try:
            for _ in range(int(_LONGEST_SEND_SECONDS / _POLL_SECONDS)):
                await asyncio.wait([task], timeout=_POLL_SECONDS)
                if task.done():
                    return task.result()
                await self._beat(connection)
        finally:
            task.cancel()
        raise MustStop("the broker has acknowledged nothing for 30 s")

    async def _beat(self, connection: Connection) -> None:
        still_for = asyncio.get_running_loop().time() - self._moved_at
        await connection.execute(_BEAT, self._settings.instance, still_for)


async def _start_fencing(producer: AIOKafkaProducer) -> None:
    """Start a producer whose epoch fences off every relay before it (docs/adr/0002).

    The broker gives id and epoch for the transactional id, so an earlier relay that wakes up is refused. Then the transactional id is
    cleared and records go without transactions: full ones cost 1.5 ms a batch and leave markers that Faust counts as gaps.
    """
    await producer.start()
    producer._txn_manager.transactional_id = None  # noqa: SLF001  aiokafka has no public way; a test holds the fence to it
