"""What the tests do with the probe and ask of it, in few words."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import probe
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from chassis.database.sql import Database
from chassis.kafka.cloudevents import headers_of
from chassis.kafka.partitions import partitions_of
from chassis.kafka.record import Record
from chassis.messaging.delivery import Delivery
from chassis.messaging.positions import Positions
from chassis.messaging.relay import Relay
from chassis.settings import ServiceSettings
from chassis.testing.processes import Processes, ServiceProcess
from chassis.testing.waiting import eventually
from contracts.event import FIRST_VERSION, Event
from contracts.topic import Topic

PROBE = str(Path(probe.__file__))


@dataclass
class Playground:
    """A probe with its topics and its database."""

    settings: ServiceSettings
    database: Database
    processes: Processes

    def start(self, *arguments: str, **environment: str) -> ServiceProcess:
        """A process of the probe's."""
        env = {
            "KAFKA_BOOTSTRAP_SERVERS": self.settings.kafka_bootstrap_servers,
            "DATABASE_URL": self.settings.database_url,
            "NAMESPACE": self.settings.namespace,
            **environment,
        }
        return self.processes.start_command(f"probe {' '.join(arguments)}", (sys.executable, PROBE, *arguments), env=env)

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[None]:
        """A relay in this process."""
        task = asyncio.create_task(Relay(self.settings, probe.NAME).run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def publish(self, key: str, *ns: int, topic: Topic = probe.EVENTS, behaviour: Any = "apply") -> None:
        """Events of a key, each in a transaction of its own."""
        for n in ns:
            async with self.database.begin() as tx:
                tx.publish(topic, probe.ProbeEvent(name=key, n=n, behaviour=behaviour), key=key)

    async def log(self, topic: Topic) -> list[Any]:
        """All records of a topic from its beginning, without those that say its id."""
        name = self.settings.named(topic.name)
        partitions = (await partitions_of(self.settings, [name]))[name]
        consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.kafka_bootstrap_servers, auto_offset_reset="earliest")
        await consumer.start()
        try:
            tps = [TopicPartition(name, number) for number in partitions]
            consumer.assign(tps)
            ends = await consumer.end_offsets(tps)
            await consumer.seek_to_beginning(*tps)
            records: list[Any] = []
            while any([await consumer.position(tp) < ends[tp] for tp in tps]):
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    records += batch
        finally:
            await consumer.stop()
        return [record for record in records if "topic_id" not in dict(record.headers)]

    @asynccontextmanager
    async def producer(self) -> AsyncIterator[AIOKafkaProducer]:
        """A producer of somebody who keeps to nothing."""
        producer = AIOKafkaProducer(bootstrap_servers=self.settings.kafka_bootstrap_servers, max_request_size=2**21)
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def rows(self, statement: str, *arguments: Any) -> list[Any]:
        async with self.database.connection() as connection:
            return list(await connection.fetch(statement, *arguments))

    async def value(self, statement: str, *arguments: Any) -> Any:
        async with self.database.connection() as connection:
            return await connection.fetchval(statement, *arguments)

    async def do(self, statement: str, *arguments: Any) -> None:
        async with self.database.connection() as connection:
            await connection.execute(statement, *arguments)

    async def applied(self, topic: Topic = probe.EVENTS) -> dict[str, list[int]]:
        """What was written down, by key, in the order in which it was."""
        written: dict[str, list[int]] = {}
        for row in await self.rows("select key, n from applied where topic = $1 order by id", topic.name):
            written.setdefault(row["key"], []).append(row["n"])
        return written

    async def parked(self) -> list[Any]:
        return await self.rows("select * from parked order by id")

    async def incomplete(self, topic: Topic) -> set[str]:
        return {row["key"] for row in await self.rows("select key from incomplete where topic = $1", topic.name)}

    async def fix(self) -> None:
        """Correct the handler."""
        await self.do("insert into switches values ('fixed')")


class Log:
    """A partition's log as a reader gets it, made up for tests of delivery."""

    def __init__(self, topic: Topic = probe.EVENTS, partition: int = 0) -> None:
        self.topic = topic
        self.partition = partition
        self.records: list[Record] = []

    def append(
        self,
        key: str | None = "a",
        version: int | None = 1,
        *,
        n: int | None = None,
        behaviour: Any = "apply",
        event: Event | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        drop: Iterable[str] = (),
        is_tombstone: bool = False,
    ) -> Record:
        """A record; versions count from 1 in the first generation, beyond 2**40 they stand as they are."""
        sequence = version if version is None or version > 2**40 else FIRST_VERSION - 1 + version
        event = event or probe.ProbeEvent(name=key or "", n=(version or 0) % 2**40 if n is None else n, behaviour=behaviour)
        ours = {name: value.decode() for name, value in a_header_list(event, sequence)} | dict(headers or {})
        record = Record(
            topic=self.topic.name,
            partition=self.partition,
            offset=len(self.records) + 1,
            appended_at=datetime.now(UTC),
            key=key,
            headers={name: value for name, value in ours.items() if name not in drop},
            body=b"" if is_tombstone else event.body() if body is None else body,
            is_tombstone=is_tombstone,
        )
        self.records.append(record)
        return record


def a_header_list(event: Event, version: int | None, event_id: UUID | None = None) -> list[tuple[str, bytes]]:
    return headers_of(
        ce_type=event.ce_type,
        event_id=event_id or uuid4(),
        owner=probe.NAME,
        subject=event.subject,
        time=datetime.now(UTC),
        version=version,
        traceparent=None,
    )


def reading_of(topic: Topic) -> Any:
    return next(reading for reading in probe.READINGS if reading.topic is topic)


def a_delivery(settings: ServiceSettings, database: Database) -> Delivery:
    return Delivery(database, probe.NAME, probe.READINGS, Positions(settings, probe.NAME))


async def deliver(delivery: Delivery, topic: Topic, records: Sequence[Record]) -> None:
    await delivery.deliver(reading_of(topic), records)


def at(record: Record, offset: int) -> Record:
    """The same record at another place in the log."""
    return replace(record, offset=offset)


async def someone_waits(playground: Playground) -> None:
    """Until a transaction waits for the lock of another."""
    waiting = "select count(*) > 0 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    await eventually(lambda: playground.value(waiting), what="somebody who waits for a lock")
