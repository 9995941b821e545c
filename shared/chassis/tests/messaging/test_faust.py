"""The worker as a process, with Faust on the real broker: killed, paused, poisoned and faulty, it loses nothing."""

import asyncio
from pathlib import Path
from time import monotonic

import probe
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from playground import Playground, a_header_list
from test_poison import POISONS

from chassis.database.sql import Database
from chassis.standing.health import Health, Reads
from chassis.testing.waiting import eventually
from contracts.topic import Topic

EVENTS, STATES = probe.EVENTS, probe.STATES
START = 90
"""Seconds; a process takes two to load, and many times that where everything runs at once."""

pytestmark = pytest.mark.usefixtures("probe_topics")


async def committed(playground: Playground, topic: Topic) -> dict[int, tuple[int, int]]:
    """Of each partition the committed offset and the end."""
    settings = playground.settings
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers, group_id=settings.named(probe.NAME), enable_auto_commit=False
    )
    await consumer.start()
    try:
        tps = [TopicPartition(settings.named(topic.name), number) for number in (0, 1)]
        ends = await consumer.end_offsets(tps)
        return {tp.partition: (await consumer.committed(tp) or 0, ends[tp]) for tp in tps}
    finally:
        await consumer.stop()


async def offsets_reach_the_end(playground: Playground, *topics: Topic) -> bool:
    reached = [done == end for topic in topics for done, end in (await committed(playground, topic)).values()]
    return all(reached)


def health_of(database: Database) -> Health:
    return Health(database, [Reads(probe.NAME, [reading.topic.name for reading in probe.READINGS])])


async def test_an_event_whose_handler_raises_ends_the_worker_and_its_restart_processes_it(playground: Playground) -> None:
    await playground.publish("a", 1, 2, 3)
    await playground.publish("a", 4, behaviour="crash")
    await playground.publish("a", 5)
    await playground.publish("b", 1, 2)
    await playground.publish("a", 7, topic=STATES)
    worker = playground.start("worker")
    assert await worker.wait_exit(START) == 1
    assert "RuntimeError" in worker.log
    assert "a fault in the handler" in worker.log, "our own words may be shown"
    await playground.fix()

    worker = playground.start("worker")

    async def all_applied() -> bool:
        return await playground.applied() == {"a": [1, 2, 3, 4, 5], "b": [1, 2]} and await playground.applied(STATES) == {"a": [7]}

    await eventually(all_applied, timeout=START)
    await eventually(lambda: offsets_reach_the_end(playground, EVENTS, STATES), timeout=10)
    assert not list(Path.cwd().glob(f"{playground.settings.namespace}*")), "Faust keeps no files of its own"
    began = monotonic()
    worker.terminate()
    assert await worker.wait_exit(10) == 0
    assert monotonic() - began < 10


async def test_a_worker_that_still_waits_for_an_answer_of_kafkas_stops_when_it_is_told(playground: Playground) -> None:
    asked = asyncio.Event()

    async def never_answers(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()

    server = await asyncio.start_server(never_answers, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    worker = playground.start("worker", KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{port}")
    await asyncio.wait_for(asked.wait(), START)
    began = monotonic()
    worker.terminate()
    await worker.wait_exit(12)
    server.close()

    assert monotonic() - began < 10


async def test_no_poison_on_the_broker_ends_the_worker_or_blocks_another_key(playground: Playground) -> None:
    worker = playground.start("worker")
    name = playground.settings.named(EVENTS.name)
    async with playground.producer() as producer:
        for nth, poison in enumerate(POISONS.values()):
            if "timestamp" in poison:
                # The broker itself refuses these.
                continue
            event = probe.ProbeEvent(name="a", n=1)
            headers = [(header, poison.get(header, value)) for header, value in a_header_list(event, 2**40 + 1)]
            await producer.send_and_wait(
                name,
                poison.get("value", event.body()),
                key=poison.get("key", f"poisoned-{nth}".encode()),
                headers=[*poison.get("more", []), *((n, v) for n, v in poison.get("headers", headers) if v is not None)],
                partition=nth % 2,
            )
    await playground.publish("good", 1, 2)
    await playground.publish("a", 7, behaviour="reject")
    await playground.publish("good", 3)

    async def all_copied() -> bool:
        return len(await playground.log(probe.PARKED)) == len(await playground.parked()) >= len(POISONS) - 2

    await eventually(lambda: playground.value("select count(*) > 30 from parked"), timeout=START)
    await eventually(all_copied, timeout=20)
    assert (await playground.applied())["good"] == [1, 2, 3]
    await eventually(lambda: offsets_reach_the_end(playground, EVENTS), timeout=10)
    assert worker.is_running
    assert "a" in {row["key"] for row in await playground.parked()}


async def test_a_killed_workers_partitions_come_back_and_a_frozen_worker_is_not_ready(
    playground: Playground, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Four seconds each instead of ten: only the waiting is shorter.
    monkeypatch.setattr("chassis.standing.health._SILENT_SECONDS", 4)
    first, second = (
        playground.start("worker", INSTANCE="1", SESSION_TIMEOUT_SECONDS="4"),
        playground.start("worker", INSTANCE="2", SESSION_TIMEOUT_SECONDS="4"),
    )
    health = health_of(database)
    await eventually(lambda: playground.value("select count(distinct instance) = 2 from heartbeats where reader = 'probe'"), timeout=START)

    async def is_ready() -> bool:
        return (await health.ready()).is_ready

    await eventually(is_ready, timeout=20)
    began = monotonic()
    first.kill9()
    for n in range(8):
        await playground.publish(f"k{n}", 1)

    async def all_applied() -> bool:
        return len(await playground.applied()) == 8

    await eventually(all_applied, timeout=30)
    stalled_for = monotonic() - began
    await eventually(is_ready, timeout=20)

    # A third is joining a group whose only member is silent: it must stop all the same.
    second.pause()
    third = playground.start("worker", INSTANCE="3", SESSION_TIMEOUT_SECONDS="4")
    await third.said("Starting", timeout=START)
    began = monotonic()
    third.terminate()
    await third.wait_exit(12)
    assert monotonic() - began < 10

    async def is_unready() -> bool:
        return not await is_ready()

    await eventually(is_unready, timeout=20)
    second.resume()
    await eventually(is_ready, timeout=20)
    assert stalled_for < 20, "by default a minute"


async def test_a_worker_whose_handler_hangs_is_not_ready_and_one_without_work_is(
    playground: Playground, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Instead of the ten that it is judged by: only the waiting is shorter.
    monkeypatch.setattr("chassis.standing.health._SILENT_SECONDS", 4)
    playground.start("worker")
    health = health_of(database)

    async def is_ready() -> bool:
        return (await health.ready()).is_ready

    await eventually(is_ready, timeout=START)
    await playground.publish("a", 1, behaviour="hang")
    began = monotonic()

    async def stands_still() -> bool:
        return any("not moved" in (check.problem or "") for check in (await health.ready()).checks)

    await eventually(stands_still, timeout=10)
    assert monotonic() - began > 3


async def test_offsets_reach_the_end_of_a_log_with_holes(playground: Playground) -> None:
    # Each transaction leaves a marker, a hole like those of compaction, but at once and wherever we want it.
    producer = AIOKafkaProducer(
        bootstrap_servers=playground.settings.kafka_bootstrap_servers, transactional_id=playground.settings.named("holes")
    )
    await producer.start()
    for n in range(1, 41):
        event = probe.ProbeEvent(name="a", n=n)
        async with producer.transaction():
            await producer.send_and_wait(
                playground.settings.named(STATES.name), event.body(), key=b"a", headers=a_header_list(event, 2**40 + n), partition=0
            )
    await producer.stop()
    playground.start("worker")

    async def all_applied() -> bool:
        return (await playground.applied(STATES)).get("a", [])[-1:] == [40]

    async def at_the_end() -> bool:
        done, end = (await committed(playground, STATES))[0]
        return done >= end - 1  # the last offset is a marker, which nobody reads

    await eventually(all_applied, timeout=START)
    began = monotonic()
    await eventually(at_the_end, timeout=20)
    assert monotonic() - began < 4, "one hole a commit would take 20 s"
