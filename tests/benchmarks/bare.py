"""The baseline: a bare aiokafka produce → consume loop of the same payload, on the same broker, in the same run."""

import asyncio
import time
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.benchmarks.figures import Latency


async def bare_latency(bootstrap_servers: str, payload: bytes, rate: int, seconds: int) -> Latency:
    """From handing a record to the producer until a consumer has it, at this rate a second."""
    topic = await _topic(bootstrap_servers)
    producer, consumer = await _pair(bootstrap_servers, topic)
    total = rate * seconds
    sent: dict[bytes, float] = {}
    took: list[float] = []

    async def receive() -> None:
        while len(took) < total:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                now = time.perf_counter()
                took.extend(now - sent[record.key] for record in records)

    receiving = asyncio.ensure_future(receive())
    begun = time.perf_counter()
    for nth in range(total):
        await asyncio.sleep(max(0.0, begun + nth / rate - time.perf_counter()))
        key = nth.to_bytes(4)
        sent[key] = time.perf_counter()
        await producer.send(topic, payload, key=key)
    await asyncio.wait_for(receiving, 30)
    await _close(producer, consumer)
    return Latency.of(took)


async def bare_throughput(bootstrap_servers: str, payload: bytes, total: int) -> float:
    """Records a second, produced and consumed at once."""
    topic = await _topic(bootstrap_servers)
    producer, consumer = await _pair(bootstrap_servers, topic)
    begun = time.perf_counter()

    async def produce() -> None:
        await asyncio.gather(*[await producer.send(topic, payload, key=nth.to_bytes(4)) for nth in range(total)])

    async def consume() -> None:
        seen = 0
        while seen < total:
            seen += sum(len(records) for records in (await consumer.getmany(timeout_ms=500)).values())

    await asyncio.gather(produce(), consume())
    took = time.perf_counter() - begun
    await _close(producer, consumer)
    return total / took


async def _topic(bootstrap_servers: str) -> str:
    topic = f"bench.{uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 4, 1)])
    await admin.close()
    return topic


async def _pair(bootstrap_servers: str, topic: str) -> tuple[AIOKafkaProducer, AIOKafkaConsumer]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True, linger_ms=0)
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest", fetch_max_wait_ms=100)
    await producer.start()
    await consumer.start()
    # The first fetch of each side makes connections; it is nobody's latency.
    await producer.send_and_wait(topic, b"warm", key=b"warm")
    await consumer.getone()
    return producer, consumer


async def _close(producer: AIOKafkaProducer, consumer: AIOKafkaConsumer) -> None:
    await producer.stop()
    await consumer.stop()
