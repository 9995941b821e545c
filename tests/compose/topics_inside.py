"""Runs in a container of the deployment, where Kafka answers: `ends`, `in-sync`, or `read` with offsets from which on; tells it in JSON lines."""

import asyncio
import json
import sys
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from chassis.kafka.partitions import partitions_of
from chassis.settings import ServiceSettings
from contracts.registry import TOPICS


async def main(what: str, begin: dict[str, int]) -> None:
    settings = ServiceSettings()
    if what == "in-sync":
        tell({"behind": await behind(settings)})
        return
    consumer = AIOKafkaConsumer(**settings.kafka())
    await asyncio.wait_for(consumer.start(), 60)
    try:
        if what == "ends":
            tell(await ends(settings, consumer))
        else:
            await read(consumer, begin, await ends(settings, consumer))
    finally:
        await consumer.stop()


async def behind(settings: ServiceSettings) -> int:
    """Of how many partitions not every replica is in sync."""
    admin = AIOKafkaAdminClient(**settings.kafka())
    await asyncio.wait_for(admin.start(), 60)
    try:
        described = await admin.describe_topics()
    finally:
        await admin.close()
    return sum(len(partition["isr"]) < len(partition["replicas"]) for topic in described for partition in topic["partitions"])


async def ends(settings: ServiceSettings, consumer: Any) -> dict[str, int]:
    found = await partitions_of(settings, [topic.name for topic in TOPICS])
    partitions = [TopicPartition(topic, number) for topic, numbers in found.items() for number in numbers]
    return {f"{tp.topic}/{tp.partition}": end for tp, end in (await consumer.end_offsets(partitions)).items()}


async def read(consumer: Any, begin: dict[str, int], until: dict[str, int]) -> None:
    """All that came after these offsets, up to these."""
    open_ones = {name: end for name, end in until.items() if end > begin[name]}
    assigned = {TopicPartition(name.rpartition("/")[0], int(name.rpartition("/")[2])): name for name in open_ones}
    if not assigned:
        return
    consumer.assign(list(assigned))
    for tp, name in assigned.items():
        consumer.seek(tp, begin[name])
    async with asyncio.timeout(120):
        while any([open_ones[name] > await consumer.position(tp) for tp, name in assigned.items()]):
            for tp, messages in (await consumer.getmany(timeout_ms=500)).items():
                for message in messages:
                    if message.offset < until[f"{tp.topic}/{tp.partition}"]:
                        tell(as_told(message))


def as_told(message: Any) -> dict[str, Any]:
    return {
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "key": (message.key or b"").decode(errors="replace"),
        "headers": {name: value.decode(errors="replace") for name, value in message.headers},
        "body": (message.value or b"").decode(),
    }


def tell(said: object) -> None:
    sys.stdout.write(json.dumps(said) + "\n")


asyncio.run(main(sys.argv[1], json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}))
