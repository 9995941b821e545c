"""Making the topics of the registry; brokers never make one by themselves."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from chassis.errors import MustStop
from chassis.kafka.partitions import partitions_of
from chassis.kafka.record import TOPIC_ID_HEADER
from chassis.settings import ServiceSettings
from contracts.registry import TOPICS
from contracts.topic import Topic

_ENOUGH_FOR_TWO_IN_SYNC = 3


async def create_topics(settings: ServiceSettings, *, partitions: int = 12, replication: int = 1, topics: Iterable[Topic] = TOPICS) -> None:
    """Make the topics that are not there yet, and write each one's id as the first record of its partitions.

    Can run again at any time: a topic that exists stays as it is, its number of partitions above all, which never changes.
    """
    wanted = {settings.named(topic.name): topic for topic in topics}
    admin = AIOKafkaAdminClient(**settings.kafka())
    await asyncio.wait_for(admin.start(), timeout=20)
    try:
        answer = await admin.create_topics(
            [NewTopic(name, partitions, replication, topic_configs=configuration(topic, replication)) for name, topic in wanted.items()]
        )
        for name, code, *_ in answer.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise error(name)
    finally:
        await admin.close()
    await _write_ids(settings, list(wanted))


def configuration(topic: Topic, replication: int) -> dict[str, str]:
    """The broker's settings of a topic."""
    settings = {"message.timestamp.type": "LogAppendTime" if topic.append_time else "CreateTime"}
    if not topic.versioned:
        # Outsiders may compress with what our client cannot undo; the broker can.
        settings["compression.type"] = "uncompressed"
    if replication >= _ENOUGH_FOR_TWO_IN_SYNC:
        settings["min.insync.replicas"] = "2"
    if topic.retention is None:
        # The live pictures read these from the start: small segments keep what compaction cannot touch yet small.
        settings |= {
            "cleanup.policy": "compact",
            "segment.bytes": str(64 * 1024 * 1024),
            "max.compaction.lag.ms": _milliseconds(timedelta(hours=6)),
        }
    else:
        settings |= {"cleanup.policy": "delete", "retention.ms": _milliseconds(topic.retention)}
    return settings


def _milliseconds(duration: timedelta) -> str:
    return str(int(duration.total_seconds() * 1000))


async def _write_ids(settings: ServiceSettings, names: list[str]) -> None:
    consumer = AIOKafkaConsumer(**settings.kafka())
    producer = AIOKafkaProducer(**settings.kafka(), acks="all", enable_idempotence=True)
    await asyncio.wait_for(asyncio.gather(consumer.start(), producer.start()), timeout=20)
    try:
        partitions = await _with_leaders(settings, names)
        ends = await consumer.end_offsets(partitions)
        writes = []
        for name in names:
            topic_id = uuid4().hex.encode()
            writes += [
                # A key of its own, so that compaction keeps the first record whatever comes after it.
                await producer.send(
                    tp.topic, b"{}", key=b"topic-id/" + topic_id, partition=tp.partition, headers=[(TOPIC_ID_HEADER, topic_id)]
                )
                for tp in partitions
                if tp.topic == name and ends[tp] == 0
            ]
        await asyncio.gather(*writes)
    finally:
        await producer.stop()
        await consumer.stop()


async def _with_leaders(settings: ServiceSettings, names: list[str]) -> list[TopicPartition]:
    """All partitions, once the cluster knows of them all; a topic is told before it is led."""
    for _ in range(100):
        try:
            found = await partitions_of(settings, names)
        except MustStop:
            await asyncio.sleep(0.1)
        else:
            return [TopicPartition(name, partition) for name in names for partition in found[name]]
    raise TimeoutError("the cluster does not lead the new topics")
