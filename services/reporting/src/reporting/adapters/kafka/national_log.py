"""Feeds the live picture from the compacted topic: every API process reads it whole, from its start, in no group."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from chassis.errors import MustStop
from chassis.kafka.cloudevents import attributes_of, readable
from chassis.kafka.partitions import partitions_of
from chassis.kafka.record import TOPIC_ID_HEADER, Record
from chassis.observability.tracing import processing
from chassis.settings import ServiceSettings
from contracts.reporting import NATIONAL, FigureChangedV1
from reporting.application.live_picture import LivePicture, Told

log = structlog.get_logger(__name__)

_AGAIN_SECONDS = 1.0
_START_WITHIN_SECONDS = 20.0


class NationalLog:
    """Reads until cancelled; whatever goes wrong with Kafka is tried again, and what was read stays shown, with its age."""

    def __init__(self, settings: ServiceSettings, picture: LivePicture) -> None:
        """Connects to nothing yet."""
        self._settings = settings
        self._picture = picture

    async def run(self) -> None:
        while True:
            try:
                await self._read()
            except (KafkaError, MustStop, TimeoutError, OSError) as trouble:
                # From the start again: old versions are dropped, so nothing is shown twice and nothing is jumped over.
                log.warning("national topic cannot be read, trying again", trouble=type(trouble).__name__)
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _read(self) -> None:
        topic = self._settings.named(NATIONAL.name)
        numbers = (await partitions_of(self._settings, [topic]))[topic]
        consumer = AIOKafkaConsumer(
            **self._settings.kafka(),
            client_id="reporting-api",
            enable_auto_commit=False,
            # Jumping over what is gone would leave figures standing that no longer hold: better read again.
            auto_offset_reset="none",
            # A change waits for no company; what waits is the answer to a fetch when there is none.
            fetch_min_bytes=1,
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )
        await asyncio.wait_for(consumer.start(), timeout=_START_WITHIN_SECONDS)
        try:
            partitions = [TopicPartition(topic, number) for number in numbers]
            self._picture.begin(await _topic_id(consumer, partitions[0]), len(partitions))
            consumer.assign(partitions)
            for partition in partitions:
                consumer.seek(partition, 0)
            await self._follow(consumer, partitions)
        finally:
            await consumer.stop()

    async def _follow(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(list(partitions))
        is_whole = False
        while True:
            batches: dict[TopicPartition, list[Any]] = await consumer.getmany(timeout_ms=1_000, max_records=5_000)
            for messages in batches.values():
                # What is read from the beginning of the topic was followed long ago, by others.
                followed = (Record.of_message(NATIONAL, message) for message in messages) if is_whole else ()
                with processing("reporting.api", NATIONAL.name, followed):
                    self._picture.take([_told(message) for message in messages])
            if not is_whole:
                is_whole = all([await consumer.position(partition) >= ends[partition] for partition in partitions])
                if is_whole:
                    self._picture.whole()
                    log.info("national picture is whole", figures=len(self._picture.figures()))


async def _topic_id(consumer: AIOKafkaConsumer, partition: TopicPartition) -> str:
    """The first record of the first partition says which topic this is; it has a key of its own, so compaction keeps it."""
    consumer.assign([partition])
    consumer.seek(partition, 0)
    first: Any = await asyncio.wait_for(consumer.getone(partition), timeout=_START_WITHIN_SECONDS)
    return readable(first.headers).get(TOPIC_ID_HEADER, "unnamed")


def _told(message: Any) -> Told:
    at = datetime.fromtimestamp(message.timestamp / 1000, UTC)
    attributes = attributes_of(readable(message.headers))
    if attributes.type != FigureChangedV1.ce_type or attributes.sequence is None or not message.value:
        return Told(message.partition, message.offset, at)
    try:
        beds = FigureChangedV1.parse(message.value)
    except ValidationError:
        # Only our own relay writes here; whatever this is, the figures we know go on.
        log.error("a figure on the national topic cannot be read", partition=message.partition, offset=message.offset)
        return Told(message.partition, message.offset, at)
    return Told(message.partition, message.offset, at, attributes.sequence, beds, attributes.time)
