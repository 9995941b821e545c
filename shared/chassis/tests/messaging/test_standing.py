"""Whoever is on call sees from a graph what waits, for how long and because of whom, also when no worker lives to say so."""

import asyncio
import math
from datetime import timedelta

import httpx
import probe
import pytest
from playground import Playground
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from chassis.database.clock import db_now
from chassis.database.sql import Database
from chassis.kafka.brokers import watch_brokers
from chassis.settings import ServiceSettings
from chassis.standing.health import Health, Reads
from chassis.standing.metrics import Standing
from chassis.testing.waiting import eventually
from chassis.worker.timers import set_timers
from embedded.ports import free_port

PARK = """
insert into parked (reader, kind, topic, partition, "offset", key, blocks_key, follows, appended_at, headers, body, size, sha256, reason)
select 'probe', $1, 'probe.events.v1', 0, n, 'a', true, false, now(), '{}', '', 0, '', 'why' from generate_series(1, $2::int) as n
"""


@pytest.fixture
def health(database: Database) -> Health:
    return Health(database, [Reads(probe.NAME, [probe.EVENTS.name])])


async def shown(health: Health) -> None:
    await Standing(probe.NAME, health).show()


def figure(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"schakel_{name}", {"service": probe.NAME, **labels})


async def test_what_waits_to_be_sent_is_told_with_its_age_though_no_relay_lives(playground: Playground, health: Health) -> None:
    await playground.publish("a", 1, 2)
    await playground.publish("b", 1)
    await playground.do("update outbox set created_at = created_at - interval '40 seconds' where id = 1")
    await playground.do("update outbox set refused = 'too large' where aggregateid = 'b'")

    await shown(health)
    assert (figure("outbox_unsent"), figure("relay_stuck_keys"), figure("database_up")) == (3, 1, 1)
    assert 40 <= (figure("outbox_oldest_seconds") or 0) < 70

    await playground.do("update outbox set published_at = now()")
    await shown(health)
    assert (figure("outbox_unsent"), figure("relay_stuck_keys"), figure("outbox_oldest_seconds")) == (0, 0, 0)


async def test_a_timer_that_should_have_gone_off_is_late_and_others_are_not(
    playground: Playground, database: Database, health: Health
) -> None:
    async with database.begin() as tx:
        now = await db_now(tx.connection)
        for kind, seconds in (("hold", -90), ("hold", -5), ("hold", 60), ("offer", 60), ("unit", -1)):
            await set_timers(tx.connection, kind, [(f"{kind}{seconds}", now + timedelta(seconds=seconds))])
    standing = Standing(probe.NAME, health)

    await standing.show()
    assert 90 <= (figure("timers_late_seconds", kind="hold") or 0) < 120
    assert figure("timers_late_seconds", kind="offer") == 0
    assert 1 <= (figure("timers_late_seconds", kind="unit") or 0) < 31

    await playground.do("delete from timers")

    async def no_longer() -> bool:
        await standing.show()
        return figure("timers_late_seconds", kind="hold") == 0

    await eventually(no_longer, what="what is shown is at most a second old")


async def test_a_rejected_report_wakes_nobody_a_parked_event_does_and_a_hundred_have_stopped_the_workers(
    playground: Playground, health: Health
) -> None:
    await playground.do(PARK, "rejected", 200)
    await shown(health)
    assert (figure("parked_now"), figure("fuse_blown")) == (0, 0)

    for events, is_blown in ((99, 0), (100, 1)):
        await playground.do("delete from parked")
        await playground.do(PARK, "parked", events)
        await shown(health)
        assert (figure("parked_now"), figure("fuse_blown")) == (events, is_blown)

    await playground.do("update parked set resolved_at = now(), resolution = 'discarded'")
    await shown(health)
    assert (figure("parked_now"), figure("fuse_blown")) == (0, 0)


async def test_a_reader_is_as_silent_as_its_most_silent_partition_and_one_nobody_heard_of_for_ever(
    playground: Playground, health: Health
) -> None:
    await shown(health)
    assert figure("reader_silent_seconds", reader=probe.NAME, topic=probe.EVENTS.name) == math.inf
    assert figure("reader_silent_seconds", reader="relay", topic="") == math.inf

    for partition, age in ((0, 0), (1, 50)):
        await playground.do(
            "insert into heartbeats values ($1, $2, $3, clock_timestamp() - make_interval(secs => $4), 0, 0, now(), 'one')",
            *(probe.NAME, probe.EVENTS.name, partition, age),
        )
    await shown(health)
    assert 50 <= (figure("reader_silent_seconds", reader=probe.NAME, topic=probe.EVENTS.name) or 0) < 80


async def test_while_the_database_is_away_nothing_is_shown_that_was_true_before(playground: Playground, health: Health) -> None:
    standing = Standing(probe.NAME, health)
    await playground.publish("a", 1)
    await standing.show()
    assert figure("outbox_unsent") == 1

    health.database = Database("postgresql://nobody@127.0.0.1:1/nowhere")
    await health.database.open()

    async def is_down() -> bool:
        await standing.show()
        return figure("database_up") == 0

    await eventually(is_down, what="the database is seen to be away")
    assert math.isnan(figure("outbox_unsent") or 0)
    tried = REGISTRY.get_sample_value("schakel_database_unavailable_total", {"application": "schakel"})
    assert tried


@pytest.mark.usefixtures("probe_topics")
async def test_how_the_brokers_stand_is_told_and_that_none_answers_too(settings: ServiceSettings) -> None:
    async def watched(watching: ServiceSettings, brokers: int) -> None:
        task = asyncio.create_task(watch_brokers(watching))
        await eventually(lambda: REGISTRY.get_sample_value("schakel_kafka_brokers") == brokers, timeout=30)
        task.cancel()
        await asyncio.wait([task])

    await watched(settings, 1)
    assert REGISTRY.get_sample_value("schakel_kafka_underreplicated_partitions") == 0
    assert REGISTRY.get_sample_value("schakel_kafka_leaderless_partitions") == 0

    await watched(settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"}), 0)
    assert math.isnan(REGISTRY.get_sample_value("schakel_kafka_underreplicated_partitions") or 0)


@pytest.mark.usefixtures("probe_topics")
async def test_a_worker_that_stands_still_says_how_many_wait_and_for_how_long(playground: Playground) -> None:
    port = free_port()
    # Another address of this machine, as a container has one that others can reach.
    worker = playground.start("worker", METRICS_PORT=str(port), METRICS_HOST="127.0.0.2")

    async def behind() -> tuple[float, float] | None:
        async with httpx.AsyncClient() as prometheus:
            try:
                text = (await prometheus.get(f"http://127.0.0.2:{port}/metrics")).text
            except httpx.TransportError:
                return None
        labels = {"reader": probe.NAME, "topic": probe.EVENTS.name}
        found = {
            sample.name: sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.labels == labels
        }
        return found.get("schakel_reader_behind_records", -1), found.get("schakel_reader_behind_seconds", -1)

    async def keeps_up() -> bool:
        return await playground.applied() == {"a": [1]} and await behind() == (0, 0)

    async def stands_still() -> bool:
        records, seconds = await behind() or (0, 0)
        return records == 1 and seconds > 2

    await playground.publish("a", 1)
    await eventually(keeps_up, timeout=90, every=0.1, what=worker.log)
    await playground.publish("a", 2, behaviour="hang")
    await eventually(stands_still, timeout=30, every=0.1, what=worker.log)
    worker.kill9()
