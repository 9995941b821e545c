"""A service whose database was restored to an earlier point goes on above all that it ever published, and reads again what came since."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import probe
import probe_schema
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata
from playground import Playground, deliver

from chassis.database.generations import RestoredDatabase
from chassis.database.sql import Database
from chassis.errors import MustStop, Unavailable
from chassis.kafka.topic_records import records_of
from chassis.messaging.delivery import Delivery
from chassis.messaging.positions import Positions
from chassis.messaging.relay import Relay
from chassis.restoring.restored import Restoration, Restored
from chassis.settings import ServiceSettings
from chassis.testing.databases import Databases
from chassis.testing.processes import Processes
from chassis.testing.waiting import eventually
from contracts.event import GENERATION_BITS, Ended, generation_of
from contracts.topic import Topic

EVENTS, STATES = probe.EVENTS, probe.STATES


class Service:
    """A probe with a database of its own, whose past can be brought back."""

    def __init__(self, settings: ServiceSettings, databases: Databases, processes: Processes, url: str) -> None:
        self._databases = databases
        self._processes = processes
        self.settings = settings.model_copy(update={"database_url": url})
        self.urls = [url]

    @asynccontextmanager
    async def running(self, *, even_restored: bool = False) -> AsyncIterator[Playground]:
        database = Database(self.settings.database_url, even_restored=even_restored)
        await database.open()
        try:
            yield Playground(self.settings, database, self._processes)
        finally:
            await database.close()

    async def tell(self, key: str, *ns: int, topics: tuple[Topic, ...] = (EVENTS, STATES)) -> None:
        """Publish, and see it through to Kafka."""
        async with self.running() as playground:
            for topic in topics:
                await playground.publish(key, *ns, topic=topic)
            await self.send(playground)

    async def send(self, playground: Playground) -> None:
        async with playground.relaying():
            await eventually(lambda: playground.value("select not exists (select from outbox where published_at is null)"))

    async def backup(self) -> str:
        copy = await self._databases.copy(self.settings.database_url)
        self.urls.append(copy)
        return copy

    def replace(self, url: str) -> None:
        """The server goes on with this database."""
        self.settings = self.settings.model_copy(update={"database_url": url})

    async def restored(self) -> Restored:
        """What the command does."""
        async with self.running(even_restored=True) as playground:
            delivery = Delivery(playground.database, probe.NAME, probe.READINGS, Positions(self.settings, probe.NAME))
            restoration = Restoration(probe.NAME, self.settings, playground.database, delivery, probe.ProbeRestoring(), probe.TOPICS)
            return await restoration()


@pytest.fixture
async def service(settings: ServiceSettings, databases: Databases, processes: Processes, probe_topics: None) -> AsyncIterator[Service]:
    service = Service(settings, databases, processes, await databases.clone("probe", probe_schema.create_schema))
    yield service
    await processes.end_all()
    for url in service.urls:
        await databases.drop(url)


async def test_what_is_published_after_a_restore_is_news_to_those_who_knew_more(service: Service) -> None:
    await service.tell("a", 1)
    backup = await service.backup()
    await service.tell("a", 2, 3)
    await service.tell("b", 1)
    service.replace(backup)

    done = await service.restored()
    await service.tell("a", 4)

    assert done.generation == 2
    async with service.running() as playground:
        for topic in (EVENTS, STATES):
            versions = [(_version(one), _n(one)) for one in await playground.log(topic) if one.key == b"a"]
            assert versions[:3] == [((1, 1), 1), ((1, 2), 2), ((1, 3), 3)]
            assert [version for version, _ in versions[3:]] == [(2, nth) for nth in range(1, len(versions) - 2)]
            assert versions[-1][1] == 4


async def test_a_key_that_came_after_the_restored_moment_is_ended_for_its_readers(service: Service) -> None:
    await service.tell("a", 1)
    backup = await service.backup()
    await service.tell("b", 1)
    service.replace(backup)

    done = await service.restored()

    assert done.to_do == ["b"]
    async with service.running() as playground:
        await service.send(playground)
        end = [one for one in await playground.log(STATES) if one.key == b"b"][-1]
    assert end.value is None
    assert dict(end.headers)["ce_type"] == Ended.ce_type.encode()
    assert _version(end) == (2, 1)


async def test_what_it_once_told_is_known_again(service: Service) -> None:
    await service.tell("a", 1)
    backup = await service.backup()
    await service.tell("a", 2, 3)
    service.replace(backup)

    done = await service.restored()

    assert done.taken_back.events == 2
    async with service.running() as playground:
        assert await playground.applied(EVENTS) == {"a": [2, 3]}


async def test_running_the_command_twice_takes_nothing_back_twice(service: Service) -> None:
    await service.tell("a", 1)
    backup = await service.backup()
    await service.tell("a", 2)
    service.replace(backup)
    await service.restored()

    again = await service.restored()

    assert (again.generation, again.taken_back.events) == (3, 0)
    async with service.running() as playground:
        assert await playground.applied(EVENTS) == {"a": [2]}


async def test_a_second_restore_begins_above_the_first(service: Service) -> None:
    await service.tell("a", 1)
    first, second = await service.backup(), await service.backup()
    await service.tell("a", 2)
    service.replace(first)
    await service.restored()
    await service.tell("a", 3)

    service.replace(second)

    assert (await service.restored()).generation == 3
    async with service.running() as playground:
        await playground.publish("a", 4)
        assert await playground.value("select max(version) from outbox") == (3 << GENERATION_BITS) + 1


async def test_its_reader_goes_back_and_reads_again_what_came_from_others_since(service: Service) -> None:
    await service.tell("a", 1)
    assert await _read(service) == {"a": [1]}
    backup = await service.backup()
    await service.tell("a", 2, 3)
    assert await _read(service) == {"a": [1, 2, 3]}
    service.replace(backup)
    with pytest.raises(MustStop, match="committed"):
        await _read(service)

    done = await service.restored()

    assert {one.topic: one.records for one in done.rewound} == {EVENTS.name: 2}
    # The probe reads its own events, so it has them both ways: taken back, and read again.
    assert await _read(service) == {"a": [1, 2, 3, 2, 3]}


async def test_a_restored_database_serves_nobody_until_the_command_has_run(service: Service) -> None:
    await service.tell("a", 1)
    async with service.running() as playground:
        # As if the server had gone on from an earlier point, which begins another timeline.
        await playground.do("update generation set history = '1/00000001'")

    async with service.running() as playground:
        with pytest.raises(RestoredDatabase):
            await playground.publish("a", 2)
    assert issubclass(RestoredDatabase, Unavailable)
    with pytest.raises(Unavailable, match="restored"):
        await Relay(service.settings, probe.NAME).run()
    async with service.running() as playground:
        worker = playground.start("worker")
        assert await worker.wait_exit() == 1
        assert "restored" in worker.log

    await service.restored()
    await service.tell("a", 2)


async def test_while_a_process_of_the_service_runs_the_command_refuses(service: Service) -> None:
    async with service.running() as playground:
        worker = playground.start("worker")
        await worker.said("relay has the lock")

        with pytest.raises(MustStop, match="still runs"):
            await service.restored()


async def _read(service: Service) -> dict[str, list[int]]:
    """What a worker does until it has read all there is, which it commits; gives what it has written down by then."""
    async with service.running() as playground:
        positions = Positions(service.settings, probe.NAME)
        delivery = Delivery(playground.database, probe.NAME, probe.READINGS, positions)
        await positions.check(playground.database, [EVENTS])
        stored = await playground.rows("select partition, next_offset from reader_positions where topic = $1", EVENTS.name)
        async for records in records_of(service.settings, EVENTS, offsets=dict(stored)):
            await deliver(delivery, EVENTS, records)
        reached = await playground.rows("select partition, next_offset from reader_positions where topic = $1", EVENTS.name)
        consumer = AIOKafkaConsumer(**service.settings.kafka(), group_id=service.settings.named(probe.NAME), enable_auto_commit=False)
        await consumer.start()
        offsets = {TopicPartition(service.settings.named(EVENTS.name), number): OffsetAndMetadata(offset, "") for number, offset in reached}
        consumer.assign(list(offsets))
        await consumer.commit(offsets)
        await consumer.stop()
        return await playground.applied(EVENTS)


def _version(record: Any) -> tuple[int, int]:
    version = int(dict(record.headers)["ce_sequence"])
    return generation_of(version), version - (generation_of(version) << GENERATION_BITS)


def _n(record: Any) -> int:
    return probe.ProbeEvent.parse(record.value).n
