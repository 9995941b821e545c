"""Delivery: at least once from Kafka, effects exactly once in PostgreSQL.

A batch is one transaction, READ COMMITTED. Everything is parsed first; the version rows of its keys are locked, sorted, in a statement of
their own; reading and applying come in later statements, because a statement that waited for a lock goes on with the snapshot from
before the wait, and would lose what the former owner of the partition has just committed. Versions, positions and outbox are written with
it, and Kafka's offsets are acknowledged after the commit.
"""

import asyncio
import itertools
from collections.abc import Iterable, Sequence
from time import perf_counter, time
from typing import Any

import structlog

from chassis.database.sql import Database, Transaction
from chassis.errors import MustStop, Rejected, Unavailable
from chassis.kafka.record import Record
from chassis.messaging.parking import Aside, blocked_keys, is_fuse_blown, set_aside, supersede
from chassis.messaging.positions import Positions, lock_versions
from chassis.messaging.reading import Broken, Handler, HasTopic, Reading, Received, Submissions, parse
from chassis.observability import telemetry
from chassis.observability.tracing import processing
from contracts.event import generation_of
from contracts.topic import Topic

log = structlog.get_logger()

_TRY_FOR_SECONDS = 30.0
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0


Item = Received[Any] | Broken


class Delivery:
    """Hands the records of a reader's topics to its handlers."""

    def __init__(self, database: Database, reader: str, readings: Sequence[HasTopic], positions: Positions) -> None:
        """Take the reader's name (its consumer group) and what it does with each topic."""
        self._database = database
        self.reader = reader
        self.readings = tuple(readings)
        self.positions = positions
        self.ages: dict[str, float] = {}
        """By topic: how old the oldest record of the last batch was when it was committed, in seconds."""

    async def check_fuse(self) -> None:
        """Stop before anything is read when the fuse is blown: it outlives restarts.

        Raises:
            MustStop: until people have replayed or discarded what is parked.
        """
        async with self._database.connection() as connection:
            if await is_fuse_blown(connection, self.reader):
                raise MustStop("the fuse is blown: a hundred events were parked within ten minutes; replay or discard them")

    async def deliver(self, reading: HasTopic, records: Sequence[Record]) -> None:
        """Apply a batch and commit; when this returns, the records may be acknowledged.

        Raises:
            MustStop: on a gap in the versions of a key, or when the fuse is blown.
            Unavailable: when the database stayed away for half a minute.
        """
        started = perf_counter()
        self.positions.check_records(reading.topic, records)
        facts = [record for record in records if not (record.is_topic_id or _says_nothing(reading.topic, record))]
        with processing(self.reader, reading.topic.name, facts):
            await self._until_committed(reading, facts, records)
        age = max(0.0, time() - records[0].appended_at.timestamp())
        self.ages[reading.topic.name] = age
        telemetry.delivery_age_seconds.labels(self.reader, reading.topic.name).observe(age)
        telemetry.delivered.labels(self.reader, reading.topic.name).inc(len(records))
        telemetry.delivery_batch_records.labels(self.reader, reading.topic.name).observe(len(records))
        telemetry.delivery_batch_seconds.labels(self.reader, reading.topic.name).observe(perf_counter() - started)

    async def _until_committed(self, reading: HasTopic, facts: Sequence[Record], records: Sequence[Record]) -> None:
        started, pause = perf_counter(), _FIRST_PAUSE_SECONDS
        while True:
            try:
                if isinstance(reading, Submissions):
                    has_parked = await self._take(reading, facts, records)
                else:
                    assert isinstance(reading, Reading)
                    has_parked = await self._apply(reading, facts, records)
                if has_parked:
                    await self.check_fuse()
            except Unavailable as trouble:
                # Nothing was committed, or all of it, which the versions tell the next time. Acknowledging nothing keeps the offset.
                if perf_counter() - started > _TRY_FOR_SECONDS:
                    raise
                log.warning("batch again", topic=reading.topic.name, records=len(records), kind=type(trouble.__cause__).__name__)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            else:
                return

    async def _take(self, submissions: Submissions, facts: Sequence[Record], records: Sequence[Record]) -> bool:
        async with self._database.begin() as tx:
            verdicts = await submissions.take(tx, facts) if facts else ()
            rejected = [Aside(record, str(verdict)) for record, verdict in zip(facts, verdicts, strict=True) if verdict is not None]
            await set_aside(tx, self.reader, "rejected", rejected)
            await self.positions.advance(tx.connection, submissions.topic, records, {})
        return False

    async def _apply(self, reading: Reading, facts: Sequence[Record], records: Sequence[Record]) -> bool:
        items = [parse(reading.topic, record) for record in facts]
        one_by_one = False
        while True:
            try:
                async with self._database.begin() as tx:
                    batch = _Batch(tx, self.reader, reading, records, self.positions)
                    await batch.apply(items, one_by_one=one_by_one)
            except Rejected:
                if one_by_one:
                    raise
                # One of them can never succeed. Everything was undone; one at a time, each in a savepoint, shows which.
                one_by_one = True
            else:
                return batch.has_parked


class _Batch:
    """One batch of events in its transaction."""

    def __init__(self, tx: Transaction, reader: str, reading: Reading, records: Sequence[Record], positions: Positions) -> None:
        self._tx = tx
        self._reader = reader
        self._reading = reading
        self._records = {(record.partition, record.offset): record for record in records}
        self._positions = positions
        self._versions: dict[str, int] = {}
        self._asides: list[Aside] = []
        self._blocked: set[str] = set()

    @property
    def has_parked(self) -> bool:
        return bool(self._asides)

    async def apply(self, items: Sequence[Item], *, one_by_one: bool) -> None:
        connection, topic = self._tx.connection, self._reading.topic
        keys = sorted({key for item in items if (key := _key_of(item)) is not None})
        before = await lock_versions(connection, self._reader, topic.name, keys)
        self._versions = dict(before)
        if not topic.is_compacted and keys:
            self._blocked = await blocked_keys(connection, self._reader, topic.name, keys)

        to_apply: list[Received[Any]] = []
        for item in items:
            if isinstance(item, Broken):
                self._judge_broken(item)
            elif self._is_next(item):
                if item.key in self._blocked:
                    self._let_follow(item)
                else:
                    to_apply.append(item)

        if one_by_one:
            to_apply = await self._apply_one_by_one(to_apply)
        else:
            for handler, run in self._runs(to_apply):
                await handler(self._tx, run)

        moved = {key: version for key, version in self._versions.items() if version != before[key]}
        had_parked = await self._positions.advance(connection, topic, self._records.values(), moved)
        await set_aside(self._tx, self._reader, "parked", self._asides)
        if had_parked or self._asides:
            await self._tell_parked(to_apply)

    def _judge_broken(self, broken: Broken) -> None:
        key = broken.record.key
        if broken.version is None or key is None:
            self._asides.append(Aside(broken.record, broken.reason))
            return
        known = self._versions[key]
        if known and broken.version <= known:
            return
        is_event_topic = not self._reading.topic.is_compacted
        if is_event_topic and _is_gap(known, broken.version):
            # A body that cannot be read, at a version that cannot be: not from the owner's relay. It must not stop the others.
            self._asides.append(Aside(broken.record, broken.reason))
            return
        self._asides.append(Aside(broken.record, broken.reason, blocks_key=True))
        if is_event_topic:
            self._blocked.add(key)
            # Only as far as the version proves itself: one out of the blue would silence all true events below it.
            if broken.version == known + 1:
                self._versions[key] = broken.version

    def _is_next(self, item: Received[Any]) -> bool:
        known = self._versions[item.key]
        if item.version <= known:
            telemetry.skipped.labels(self._reader, item.topic).inc()
            return False
        if not self._reading.topic.is_compacted and _is_gap(known, item.version):
            place = f"{item.topic}, partition {item.partition}, offset {item.offset}"
            raise MustStop(f"a gap in the versions of a key on {place}: {item.version} after {known}; events were lost or are parked")
        self._versions[item.key] = item.version
        return True

    def _runs(self, items: Sequence[Received[Any]]) -> Iterable[tuple[Handler, list[Received[Any]]]]:
        """Neighbours of one type together, in order; what this reader does not handle is passed over."""
        for event_type, run in itertools.groupby(items, key=lambda item: type(item.event)):
            handler = self._reading.handlers.get(event_type)
            if handler is not None:
                yield handler, list(run)

    async def _apply_one_by_one(self, items: Sequence[Received[Any]]) -> list[Received[Any]]:
        applied = []
        for item in items:
            if item.key in self._blocked:
                self._let_follow(item)
                continue
            try:
                async with self._tx.savepoint():
                    for handler, run in self._runs([item]):
                        await handler(self._tx, run)
            except Rejected as rejected:
                self._asides.append(Aside(self._records[item.partition, item.offset], str(rejected), blocks_key=True))
                if not self._reading.topic.is_compacted:
                    self._blocked.add(item.key)
            else:
                applied.append(item)
        return applied

    def _let_follow(self, item: Received[Any]) -> None:
        record = self._records[item.partition, item.offset]
        self._asides.append(Aside(record, "an earlier event of this key is parked", blocks_key=True, follows=True))

    async def _tell_parked(self, applied: Sequence[Received[Any]]) -> None:
        """Say which keys have an event parked, and on a compacted topic, which no longer: their newer whole state was applied."""
        topic = self._reading.topic
        lifted: list[str] = []
        if topic.is_compacted:
            # In the order of the log, so the last of a key is its newest.
            newest = {item.key: (item.partition, item.offset) for item in applied}
            lifted = await supersede(self._tx.connection, self._reader, topic.name, newest)
        if self._reading.on_parked is None:
            return
        still_parked = {
            aside.record.key: aside.record.offset for aside in self._asides if aside.blocks_key and aside.record.key is not None
        }
        if topic.is_compacted:
            still_parked = {key: offset for key, offset in still_parked.items() if key not in newest or offset > newest[key][1]}
        if still_parked:
            await self._reading.on_parked(self._tx, sorted(key for key in still_parked if key is not None), True)
        if lifted := [key for key in lifted if key not in still_parked]:
            await self._reading.on_parked(self._tx, lifted, False)


def _says_nothing(topic: Topic, record: Record) -> bool:
    return topic.is_compacted and record.is_tombstone and not record.is_end


def _key_of(item: Item) -> str | None:
    if isinstance(item, Received):
        return item.key
    return item.record.key if item.version is not None else None


def is_next(topic: Topic, known: int, version: int) -> bool:
    """Whether this version may be applied after the one that is known."""
    return version > known and (topic.is_compacted or not _is_gap(known, version))


def _is_gap(known: int, version: int) -> bool:
    # A key never seen before starts anywhere, and a new generation may leave a gap behind.
    return known != 0 and generation_of(known) == generation_of(version) and version != known + 1
