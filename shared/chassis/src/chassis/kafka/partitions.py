"""Which partitions a topic has."""

import asyncio
from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import TopicAuthorizationFailedError

from chassis.errors import MustStop
from chassis.settings import ServiceSettings


async def partitions_of(settings: ServiceSettings, topics: Sequence[str]) -> dict[str, list[int]]:
    """The partitions of these topics, by their names on the broker.

    Raises:
        MustStop: when one is not there, or not for us; the topics and access jobs see to that, a reader never does.
    """
    admin = AIOKafkaAdminClient(**settings.kafka())
    await asyncio.wait_for(admin.start(), timeout=20)
    try:
        described = await admin.describe_topics(list(topics))
    finally:
        await admin.close()
    refused = [topic["topic"] for topic in described if topic["error_code"] == TopicAuthorizationFailedError.errno]
    if refused:
        raise MustStop(f"topics are refused to this user: {', '.join(refused)}; run the access job first")
    partitions = {topic["topic"]: sorted(partition["partition"] for partition in topic["partitions"]) for topic in described}
    missing = [topic for topic in topics if not partitions.get(topic)]
    if missing:
        raise MustStop(f"topics are missing: {', '.join(missing)}; run the topics job first")
    return partitions
