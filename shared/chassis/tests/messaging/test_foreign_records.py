"""A record that breaks aiokafka's own parser must not end whoever reads its topic."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import probe
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.producer import message_accumulator, producer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords
from playground import Playground

from chassis.kafka.foreign_records import accept_foreign_records


class BadName(str):
    """A header name as another client can send it."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe"


@pytest.fixture
async def name_with_bad_record(playground: Playground, probe_topics: None, monkeypatch: pytest.MonkeyPatch) -> str:
    name = playground.settings.named(probe.REPORTS.name)
    # aiokafka's builder in Python asks the name for its bytes; the one in C knows better.
    monkeypatch.setattr(message_accumulator, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
    monkeypatch.setattr(producer, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
    sender = AIOKafkaProducer(bootstrap_servers=playground.settings.kafka_bootstrap_servers, linger_ms=200)
    await sender.start()
    for n, header in enumerate(["good", BadName("x"), "good"]):
        await sender.send(name, b'{"id": "%d"}' % n, key=b"a", partition=0, headers=[(header, b"1")])
    await sender.stop()
    monkeypatch.undo()
    return name


@asynccontextmanager
async def reading(playground: Playground, name: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(bootstrap_servers=playground.settings.kafka_bootstrap_servers)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(name, 0)])
        await consumer.seek_to_beginning()
        yield consumer
    finally:
        await consumer.stop()


async def test_what_stands_before_and_after_it_is_read_and_so_is_the_record_itself(
    playground: Playground, name_with_bad_record: str
) -> None:
    accept_foreign_records()

    bodies: list[bytes] = []
    names: list[str] = []
    async with reading(playground, name_with_bad_record) as consumer:
        while len(bodies) < 4:
            record = await consumer.getone()
            bodies.append(record.value)
            names += [name for name, _ in record.headers]

    assert bodies == [b"{}", b'{"id": "0"}', b'{"id": "1"}', b'{"id": "2"}']
    assert names == ["topic_id", "good", "��", "good"]


async def test_aiokafka_itself_still_cannot_read_it(
    playground: Playground, name_with_bad_record: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When this fails aiokafka has been corrected: then `chassis.kafka.foreign_records` must go."""
    monkeypatch.setattr(fetcher, "MemoryRecords", MemoryRecords)

    async with reading(playground, name_with_bad_record) as consumer:
        await consumer.getone()
        await consumer.getone()
        with pytest.raises(UnicodeDecodeError):
            await consumer.getone()
