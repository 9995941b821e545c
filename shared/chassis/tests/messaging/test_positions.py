"""A reader is held to the topics that it began to read: never a silent jump."""

from collections.abc import Callable
from time import monotonic
from typing import Any

import probe
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import OffsetAndMetadata
from playground import Log, Playground, a_delivery, a_header_list, at, deliver

from chassis.database.sql import Database
from chassis.errors import MustStop
from chassis.kafka.record import Record
from chassis.kafka.topics import create_topics
from chassis.messaging.delivery import Delivery
from chassis.messaging.positions import Positions
from chassis.settings import ServiceSettings
from chassis.testing.waiting import eventually
from contracts.topic import Topic

EVENTS, STATES = probe.EVENTS, probe.STATES


class Reader:
    """Reads a topic of one partition by hand, so that a test can stand anywhere."""

    def __init__(self, playground: Playground, topic: Topic) -> None:
        self._playground = playground
        self._settings = playground.settings
        self._topic = topic
        self._tp = TopicPartition(self._settings.named(topic.name), 0)
        self.positions = Positions(self._settings, probe.NAME)

    async def start(self) -> None:
        await self.positions.check(self._playground.database, [self._topic])

    async def read(self, upto: int) -> None:
        """Deliver made-up records up to this offset."""
        delivery = Delivery(self._playground.database, probe.NAME, probe.READINGS, self.positions)
        log = Log(self._topic)
        await deliver(delivery, self._topic, [at(log.append("a", n + 1), n) for n in range(1, upto)])

    async def write(self, count: int) -> None:
        async with self._playground.producer() as producer:
            for n in range(count):
                event = probe.ProbeEvent(name="a", n=n)
                await producer.send_and_wait(self._tp.topic, event.body(), key=b"a", headers=a_header_list(event, 2**40 + n + 1))

    async def commit(self, offset: int) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka_bootstrap_servers, group_id=self._settings.named(probe.NAME), enable_auto_commit=False
        )
        await consumer.start()
        consumer.assign([self._tp])
        await consumer.commit({self._tp: OffsetAndMetadata(offset, "")})
        await consumer.stop()

    async def make(self) -> None:
        await create_topics(self._settings, partitions=1, topics=[self._topic])

    async def with_admin(self, act: Callable[[AIOKafkaAdminClient], Any]) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._settings.kafka_bootstrap_servers)
        await admin.start()
        try:
            await act(admin)
        finally:
            await admin.close()

    async def make_again(self) -> None:
        await self.with_admin(lambda admin: admin.delete_topics([self._tp.topic]))

        async def is_gone() -> bool:
            names: list[list[str]] = []

            async def look(admin: AIOKafkaAdminClient) -> None:
                names.append(await admin.list_topics())

            await self.with_admin(look)
            return self._tp.topic not in names[-1]

        await eventually(is_gone)
        await self.make()

    async def delete_before(self, offset: int) -> None:
        await self.with_admin(lambda admin: admin.delete_records({self._tp: RecordsToDelete(offset)}))


@pytest.fixture
async def reader(playground: Playground, topics: Any) -> Reader:
    reader = Reader(playground, EVENTS)
    await reader.make()
    await reader.start()
    return reader


async def test_a_reader_that_begins_and_one_that_goes_on_may_read(reader: Reader) -> None:
    await reader.write(5)
    await reader.read(4)
    await reader.commit(3)

    await reader.start()


async def test_a_topic_that_was_deleted_and_made_again_stops_its_reader(reader: Reader) -> None:
    await reader.write(5)
    await reader.read(4)
    await reader.make_again()
    await reader.write(9)

    with pytest.raises(MustStop, match=r"another topic.*rebuild"):
        await reader.start()


async def test_a_topic_that_is_made_again_while_it_is_read_stops_its_reader(reader: Reader, settings: ServiceSettings) -> None:
    first = at(Log().append("topic-id/x", None, headers={"topic_id": "another"}), 0)

    with pytest.raises(MustStop, match="another topic"):
        reader.positions.check_records(EVENTS, [first])


async def test_a_log_that_begins_behind_the_position_stops_its_reader(reader: Reader) -> None:
    await reader.write(9)
    await reader.read(4)
    await reader.delete_before(6)

    with pytest.raises(MustStop, match="begins behind"):
        await reader.start()


async def test_a_first_record_that_has_aged_out_is_no_other_topic(reader: Reader) -> None:
    await reader.write(9)
    await reader.read(6)
    await reader.delete_before(3)

    await reader.start()


async def test_offsets_committed_ahead_of_the_database_stop_the_reader(reader: Reader) -> None:
    await reader.write(9)
    await reader.read(4)
    await reader.commit(7)

    with pytest.raises(MustStop, match="committed"):
        await reader.start()


async def test_an_empty_database_beside_committed_offsets_stops_the_reader(reader: Reader) -> None:
    await reader.write(3)
    await reader.commit(3)

    with pytest.raises(MustStop, match="read nothing"):
        await reader.start()


async def test_a_log_that_ends_before_the_position_stops_its_reader(reader: Reader) -> None:
    await reader.write(2)
    await reader.read(8)

    with pytest.raises(MustStop, match="ends before"):
        await reader.start()


async def test_holes_at_the_end_of_what_is_committed_are_no_fault(reader: Reader) -> None:
    # As compaction leaves them: a transaction's marker has an offset and is no record.
    await reader.write(3)
    await _write_record_and_marker(reader)
    await reader.read(5)
    await reader.commit(6)

    began = monotonic()
    await reader.start()
    assert monotonic() - began < 4, "whoever starts does not wait for a record that is not there"


async def test_missing_topics_are_named(playground: Playground) -> None:
    with pytest.raises(MustStop, match=EVENTS.name):
        await Positions(playground.settings, probe.NAME).check(playground.database, [EVENTS])


async def test_topics_made_twice_keep_their_id(playground: Playground, settings: ServiceSettings, database: Database, topics: Any) -> None:
    reader = Reader(playground, STATES)
    await reader.make()
    await reader.start()
    before = dict(reader.positions._ids)

    await reader.make()
    await reader.start()

    assert reader.positions._ids == before
    assert len(before) == 1
    record = Record(STATES.name, 0, 0, at(Log().append("a", 1), 0).appended_at, None, {"topic_id": next(iter(before.values()))}, b"{}")
    await deliver(a_delivery(settings, database), STATES, [record])
    assert await playground.applied(STATES) == {}


async def _write_record_and_marker(reader: Reader) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=reader._settings.kafka_bootstrap_servers, transactional_id=reader._settings.named("marker")
    )
    await producer.start()
    async with producer.transaction():
        await producer.send_and_wait(reader._tp.topic, b"{}", key=b"a", partition=0)
    await producer.stop()
