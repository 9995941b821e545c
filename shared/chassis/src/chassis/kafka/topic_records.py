"""A topic's records from some place up to where it ends now, read in no group: nothing is committed, and nobody's partitions move."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from chassis.kafka.foreign_records import accept_foreign_records
from chassis.kafka.partitions import partitions_of
from chassis.kafka.record import Record
from chassis.settings import ServiceSettings
from contracts.topic import Topic

_START_WITHIN_SECONDS = 20
_MOST_RECORDS = 500


class TopicLog:
    """The partitions of a topic; open while `log_of` lasts."""

    def __init__(self, consumer: AIOKafkaConsumer, name: str, begins: Mapping[int, int], ends: Mapping[int, int]) -> None:
        """Take where each partition begins and ends."""
        self._consumer = consumer
        self._name = name
        self.begins = begins
        self.ends = ends

    async def offsets_at(self, moment: datetime) -> Mapping[int, int]:
        """The first record of each partition that was sent at this moment or later."""
        milliseconds = max(0, int(moment.timestamp() * 1000))
        found = await self._consumer.offsets_for_times({TopicPartition(self._name, number): milliseconds for number in self.ends})
        return {tp.partition: self.ends[tp.partition] if at is None else at.offset for tp, at in found.items()}

    async def read(self, offsets: Mapping[int, int]) -> AsyncIterator[tuple[int, list[Any]]]:
        """Some of aiokafka's messages of one partition at a time, in its order, up to its end; from these offsets, or from its beginning."""
        partitions = [TopicPartition(self._name, number) for number in self.ends]
        self._consumer.assign(partitions)
        for tp in partitions:
            self._consumer.seek(tp, offsets.get(tp.partition, self.begins[tp.partition]))
        while waiting := [tp for tp in partitions if await self._consumer.position(tp) < self.ends[tp.partition]]:
            for tp, messages in (await self._consumer.getmany(*waiting, timeout_ms=500, max_records=_MOST_RECORDS)).items():
                before_end = [message for message in messages if message.offset < self.ends[tp.partition]]
                if before_end:
                    yield tp.partition, before_end


@asynccontextmanager
async def log_of(settings: ServiceSettings, topic: Topic) -> AsyncIterator[TopicLog]:
    """A topic, to be read."""
    accept_foreign_records()
    name = settings.named(topic.name)
    partitions = [TopicPartition(name, number) for number in (await partitions_of(settings, [name]))[name]]
    consumer = AIOKafkaConsumer(**settings.kafka(), enable_auto_commit=False, max_partition_fetch_bytes=4 * 1024 * 1024)
    await asyncio.wait_for(consumer.start(), timeout=_START_WITHIN_SECONDS)
    try:
        begins = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        yield TopicLog(consumer, name, *({tp.partition: offset for tp, offset in bound.items()} for bound in (begins, ends)))
    finally:
        await consumer.stop()


async def records_of(
    settings: ServiceSettings, topic: Topic, *, since: datetime | None = None, offsets: Mapping[int, int] | None = None
) -> AsyncIterator[list[Record]]:
    """Records of one partition at a time, in its order.

    Args:
        settings: where Kafka is, and the namespace.
        topic: which.
        since: only what was sent from this moment on.
        offsets: where to begin, by partition; at its beginning where none is given.
    """
    async with log_of(settings, topic) as log:
        async for _, messages in log.read(offsets or {} if since is None else await log.offsets_at(since)):
            yield [Record.of_message(topic, message, ticks_per_second=1000) for message in messages]
