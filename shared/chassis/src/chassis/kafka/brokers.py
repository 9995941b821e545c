"""How the brokers stand, as a client sees them: for Prometheus, without an exporter beside each broker."""

import asyncio
import math

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from chassis.observability import telemetry
from chassis.settings import ServiceSettings

log = structlog.get_logger(__name__)

_EVERY_SECONDS = 15.0
_LONGEST_ANSWER_SECONDS = 10.0


async def watch_brokers(settings: ServiceSettings) -> None:
    """Look every 15 s until cancelled, at the topics that this user may see; while no broker answers there are none."""
    while True:
        admin = AIOKafkaAdminClient(**settings.kafka())
        try:
            await asyncio.wait_for(admin.start(), _LONGEST_ANSWER_SECONDS)
            while True:
                await asyncio.wait_for(_look(admin), _LONGEST_ANSWER_SECONDS)
                await asyncio.sleep(_EVERY_SECONDS)
        except (KafkaError, OSError, TimeoutError) as trouble:
            log.warning("no broker says how they stand", kind=type(trouble).__name__)
            telemetry.kafka_brokers.set(0)
            telemetry.kafka_underreplicated.set(math.nan)
            telemetry.kafka_leaderless.set(math.nan)
        finally:
            await admin.close()
        await asyncio.sleep(_EVERY_SECONDS)


async def _look(admin: AIOKafkaAdminClient) -> None:
    cluster = await admin.describe_cluster()
    partitions = [partition for topic in await admin.describe_topics() for partition in topic["partitions"]]
    telemetry.kafka_brokers.set(len(cluster["brokers"]))
    telemetry.kafka_underreplicated.set(sum(len(partition["isr"]) < len(partition["replicas"]) for partition in partitions))
    telemetry.kafka_leaderless.set(sum(partition["leader"] < 0 for partition in partitions))
