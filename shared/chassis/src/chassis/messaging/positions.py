"""Where a reader is: the topic's id, the next offset of each partition and the version of each key, stored with the rows that they made."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from chassis.database.sql import Connection, Database
from chassis.errors import MustStop
from chassis.kafka.foreign_records import accept_foreign_records
from chassis.kafka.partitions import partitions_of
from chassis.kafka.record import AGED_OUT, TOPIC_ID_HEADER, Record
from chassis.settings import ServiceSettings
from contracts.topic import Topic

_LOCK = "select key, version from reader_versions where reader = $1 and topic = $2 and key = any($3::text[]) order by key for update"
_MEET = """
insert into reader_versions (reader, topic, key, version)
select $1, $2, key, 0 from unnest($3::text[]) as k (key) order by key
on conflict do nothing
returning key, version
"""
# What was applied of each key and how far each partition was read are one statement: a batch has few others.
# By key, said a second time: with statistics of a full table the join alone went through all keys of the topic, for 20 ms.
# An owner's topic that is not compacted has no holes: a batch that begins beyond what was reached would be a jump. Where outsiders write
# there may be some, because transactions leave markers.
_ADVANCE = """
with applied as (
    update reader_versions v set version = n.version
    from unnest($7::text[], $8::bigint[]) as n (key, version)
    where v.reader = $1 and v.topic = $2 and v.key = n.key and v.key = any($7::text[])
    returning exists (
        select from parked p where p.reader = $1 and p.topic = $2 and p.key = v.key and p.kind = 'parked' and p.resolved_at is null
    ) as has_parked
), reached as (
    update reader_positions p set next_offset = greatest(p.next_offset, n.next_offset)
    from unnest($3::int[], $4::bigint[], $5::bigint[]) as n (partition, first_offset, next_offset)
    where p.reader = $1 and p.topic = $2 and p.partition = n.partition and ($6 or n.first_offset <= p.next_offset)
    returning p.partition
)
select array(select partition from reached) as partitions, exists (select from applied where has_parked) as has_parked
"""
_BEGIN = """
insert into reader_positions (reader, topic, partition, topic_id, next_offset)
select $1, $2, * from unnest($3::int[], $4::text[], $5::bigint[])
on conflict do nothing
returning partition
"""
_STORED = "select topic, partition, topic_id, next_offset from reader_positions where reader = $1"

_PEEK_TRIES = 25
_LONGEST_CHECK_SECONDS = 60

Address = tuple[str, int]
"""A topic without namespace, and a partition."""


@dataclass(frozen=True, slots=True)
class Log:
    """What the broker says of one partition."""

    topic_id: str
    begins_at: int
    ends_at: int
    committed: int | None
    next_record: int | None
    """The first record at or after our position, looked up only when the committed offset lies ahead of it."""


class Positions:
    """Holds a reader to the topics that it began to read."""

    def __init__(self, settings: ServiceSettings, reader: str) -> None:
        """The reader's name is its consumer group, in the namespace."""
        self._settings = settings
        self._reader = reader
        self._ids: dict[tuple[str, int], str] = {}

    async def check(self, database: Database, topics: Iterable[Topic]) -> None:
        """Compare what is stored with what the broker has, before anything is read.

        Raises:
            MustStop: when a topic is another one, begins behind our position, ends before it, or its committed offset is ahead of what
                our database knows: going on would jump over facts without a word.
        """
        async with asyncio.timeout(_LONGEST_CHECK_SECONDS), _log_reader(self._settings, self._reader, topics) as reader:
            # Another worker may be reading on meanwhile. It stores before it commits, and the log is there before it is read: asked in
            # this order, none of the three can look too far ahead of the next.
            committed = await reader.committed()
            async with database.connection() as connection:
                stored = {(row["topic"], row["partition"]): row for row in await connection.fetch(_STORED, self._reader)}
            logs = await reader.logs(committed, {address: row["next_offset"] for address, row in stored.items()})
        for address, log in logs.items():
            row = stored.get(address)
            fault = _fault(log, row["topic_id"] if row else None, row["next_offset"] if row else None)
            if fault is not None:
                raise MustStop(f"{address[0]}, partition {address[1]}: {fault}; rebuild this reader from its topics")
        self._ids = {address: log.topic_id for address, log in logs.items()}

    def check_records(self, topic: Topic, records: Sequence[Record]) -> None:
        """Look at the first record of a log when it comes by: it says which topic this is, also when it was made anew while we read.

        Raises:
            MustStop: when it is another topic than at the beginning.
        """
        for record in records:
            known = self._ids.get((topic.name, record.partition))
            is_other = record.offset == 0 and known not in (None, AGED_OUT, record.headers.get(TOPIC_ID_HEADER))
            if is_other:
                raise MustStop(
                    f"{topic.name}, partition {record.partition}: this is another topic now; rebuild this reader from its topics"
                )

    async def advance(self, connection: Connection, topic: Topic, records: Iterable[Record], versions: Mapping[str, int]) -> bool:
        """Store the next offsets and the versions that were applied, in the transaction of the batch.

        Args:
            connection: of that transaction.
            topic: where the records come from.
            records: of the batch.
            versions: what was applied last, of the keys for which that is another one now.

        Returns:
            whether one of these keys still has an event parked.

        Raises:
            MustStop: when records between what was reached and these are gone from a topic that is not compacted.
        """
        first: dict[int, int] = {}
        following: dict[int, int] = {}
        for record in records:
            first[record.partition] = min(record.offset, first.get(record.partition, record.offset))
            following[record.partition] = max(record.offset + 1, following.get(record.partition, 0))
        partitions = sorted(following)
        [row] = await connection.fetch(
            _ADVANCE,
            self._reader,
            topic.name,
            partitions,
            [first[partition] for partition in partitions],
            [following[partition] for partition in partitions],
            topic.is_compacted or not topic.versioned,
            list(versions),
            list(versions.values()),
        )
        if len(row["partitions"]) < len(partitions):
            await self._begin(connection, topic, set(row["partitions"]), following)
        has_parked: bool = row["has_parked"]
        return has_parked

    async def _begin(self, connection: Connection, topic: Topic, advanced: set[int], following: Mapping[int, int]) -> None:
        others = sorted(following.keys() - advanced)
        ids = [self._ids.get((topic.name, partition), AGED_OUT) for partition in others]
        offsets = [following[partition] for partition in others]
        begun = {row["partition"] for row in await connection.fetch(_BEGIN, self._reader, topic.name, others, ids, offsets)}
        for partition in others:
            if partition not in begun:
                raise MustStop(
                    f"{topic.name}, partition {partition}: records behind our position are gone; rebuild this reader from its topics"
                )


async def lock_versions(connection: Connection, reader: str, topic: str, keys: Sequence[str]) -> dict[str, int]:
    """Lock the version rows of these sorted keys and give what was applied last; 0 for a key never seen."""
    if not keys:
        return {}
    versions: dict[str, int] = {}
    # Whom somebody else has met between the first two looks is found by the third.
    for statement in (_LOCK, _MEET, _LOCK):
        if unmet := [key for key in keys if key not in versions]:
            versions |= {row["key"]: row["version"] for row in await connection.fetch(statement, reader, topic, unmet)}
    return versions


def _fault(log: Log, stored_id: str | None, stored_offset: int | None) -> str | None:
    if stored_offset is None:
        return "offsets are committed for a database that has read nothing" if log.committed else None
    if AGED_OUT not in (log.topic_id, stored_id) and log.topic_id != stored_id:
        return "this is another topic than the one that was read before"
    if log.ends_at < stored_offset:
        return "the log ends before the position that was reached"
    if log.begins_at > stored_offset:
        return "the log begins behind the position that was reached"
    if log.next_record is not None and log.committed is not None and log.next_record < log.committed:
        return "offsets are committed that the database does not know"
    return None


class _LogReader:
    """Asks the broker about the partitions of a group's topics; commits nothing and joins nothing."""

    def __init__(self, consumer: AIOKafkaConsumer, addresses: Mapping[TopicPartition, Address]) -> None:
        self._consumer = consumer
        self._addresses = addresses

    async def committed(self) -> dict[TopicPartition, int | None]:
        return {tp: await self._consumer.committed(tp) for tp in self._addresses}

    async def logs(self, committed: Mapping[TopicPartition, int | None], stored: Mapping[Address, int]) -> dict[Address, Log]:
        begins = await self._consumer.beginning_offsets(list(self._addresses))
        ends = await self._consumer.end_offsets(list(self._addresses))
        first = await _peek(self._consumer, {tp: 0 for tp in self._addresses if begins[tp] == 0 and ends[tp] > 0})
        # Faust commits over offsets that compaction has emptied, so a committed offset may lie ahead of ours with nothing in between.
        after = await _peek(
            self._consumer,
            {
                tp: stored[address]
                for tp, address in self._addresses.items()
                if begins[tp] <= stored.get(address, ends[tp]) < min(committed[tp] or 0, ends[tp])
            },
        )
        return {
            address: Log(
                topic_id=_topic_id(first.get(tp)),
                begins_at=begins[tp],
                ends_at=ends[tp],
                committed=committed[tp],
                next_record=after[tp].offset if tp in after else None,
            )
            for tp, address in self._addresses.items()
        }


@asynccontextmanager
async def _log_reader(settings: ServiceSettings, group: str, topics: Iterable[Topic]) -> AsyncIterator[_LogReader]:
    accept_foreign_records()
    names = {settings.named(topic.name): topic.name for topic in topics}
    partitions = await partitions_of(settings, list(names))
    consumer = AIOKafkaConsumer(
        **settings.kafka(),
        group_id=settings.named(group),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await asyncio.wait_for(consumer.start(), timeout=20)
    try:
        yield _LogReader(consumer, {TopicPartition(name, number): (names[name], number) for name in names for number in partitions[name]})
    finally:
        await consumer.stop()


async def _peek(consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, Any]:
    """The first record at or after these offsets, where there is one."""
    if not offsets:
        return {}
    consumer.assign(list(offsets))
    for tp, offset in offsets.items():
        consumer.seek(tp, offset)
    ends = await consumer.end_offsets(list(offsets))
    found: dict[TopicPartition, Any] = {}
    for _ in range(_PEEK_TRIES):
        # Where compaction emptied the end of the log the position reaches it without a record.
        waiting = [tp for tp in offsets if tp not in found and await consumer.position(tp) < ends[tp]]
        if not waiting:
            break
        for tp, messages in (await consumer.getmany(*waiting, timeout_ms=200)).items():
            found.setdefault(tp, messages[0])
    return found


def _topic_id(message: Any) -> str:
    if message is None:
        return AGED_OUT
    raw = dict(message.headers).get(TOPIC_ID_HEADER)
    return raw.decode() if raw else AGED_OUT
