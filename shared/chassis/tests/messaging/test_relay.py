"""The relay: everything in the outbox reaches Kafka, in the order of its key, and never over what a later relay sent."""

import asyncio
from collections import defaultdict
from typing import Any

import probe
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from playground import Playground

from chassis.database.sql import Database
from chassis.errors import MustStop
from chassis.kafka.topics import create_topics
from chassis.messaging.relay import _PRUNE, Relay
from chassis.settings import ServiceSettings
from chassis.standing.health import Health
from chassis.testing.fixtures import OwnBroker
from chassis.testing.plans import rows_read
from chassis.testing.waiting import eventually
from contracts.event import FIRST_VERSION


async def all_sent(playground: Playground) -> bool:
    return await playground.value("select count(*) from outbox where published_at is null") == 0


def sequences(log: list[Any]) -> dict[str, list[int]]:
    by_key = defaultdict(list)
    for record in log:
        by_key[record.key.decode()].append(int(dict(record.headers)["ce_sequence"]) - FIRST_VERSION + 1)
    return dict(by_key)


@pytest.mark.usefixtures("probe_topics")
async def test_events_of_a_key_reach_kafka_in_their_order_whoever_writes_at_the_same_time(playground: Playground) -> None:
    async with playground.relaying():
        await asyncio.gather(*(playground.publish(f"k{n % 3}", *range(20)) for n in range(6)))
        await eventually(lambda: all_sent(playground))

    assert sequences(await playground.log(probe.EVENTS)) == {f"k{n}": list(range(1, 41)) for n in range(3)}


@pytest.mark.usefixtures("probe_topics")
async def test_what_was_sent_can_be_looked_at_for_an_hour_and_is_then_forgotten(playground: Playground) -> None:
    await playground.publish("old", 1, 2)
    await playground.publish("stopped", 1)
    await playground.publish("young", 1)
    await playground.do("update outbox set created_at = now() - interval '61 minutes' where aggregateid <> 'young'")
    await playground.do("update outbox set published_at = created_at where aggregateid = 'old'")
    await playground.do("update outbox set refused = 'too large' where aggregateid = 'stopped'")

    async def is_forgotten() -> bool:
        return await playground.value("select count(*) from outbox where aggregateid = 'old'") == 0

    async with playground.relaying():
        await eventually(is_forgotten)
        await eventually(lambda: playground.value("select published_at is not null from outbox where aggregateid = 'young'"))

    assert {row["aggregateid"] for row in await playground.rows("select aggregateid from outbox")} == {"stopped", "young"}


@pytest.mark.parametrize(("old", "read_at_most"), [(0, 1), (10, 2_100)])
async def test_forgetting_reads_no_more_than_its_portion_however_much_was_sent(
    playground: Playground, database: Database, old: int, read_at_most: int
) -> None:
    await playground.do(
        "insert into outbox (aggregatetype, aggregateid, type, subject, payload, event_id, version, created_at, published_at) "
        "select 't', 'k', 't', 's', '', gen_random_uuid(), n, at, at from generate_series(1, 5000) as n "
        f"cross join lateral (select now() - make_interval(mins => case when n <= {old} then 61 else 1 end)) as t (at)"
    )
    async with database.connection() as connection, connection.transaction():
        await connection.execute("set local enable_bitmapscan to off")
        assert await rows_read(connection, _PRUNE, "outbox") <= read_at_most


@pytest.mark.usefixtures("probe_topics")
async def test_a_commit_that_comes_later_than_a_higher_id_is_sent_too(playground: Playground, database: Database) -> None:
    async with playground.relaying():
        async with database.begin() as slow:
            slow.publish(probe.EVENTS, probe.ProbeEvent(name="slow", n=1), key="slow")
            await slow.flush()
            await playground.publish("quick", 1)
            await eventually(lambda: all_sent(playground), timeout=3)
        await eventually(lambda: all_sent(playground))

    ids = {
        row["aggregateid"]: row["id"] for row in await playground.rows("select id, aggregateid from outbox where published_at is not null")
    }
    assert ids["slow"] < ids["quick"]
    assert sequences(await playground.log(probe.EVENTS)) == {"quick": [1], "slow": [1]}


@pytest.mark.usefixtures("probe_topics")
async def test_a_commit_is_sent_at_once_and_not_at_the_next_look(playground: Playground) -> None:
    async with playground.relaying():
        await playground.publish("a", 1)
        await eventually(lambda: all_sent(playground))
        waits = []
        for n in range(10):
            await playground.publish("a", n)
            await eventually(lambda: all_sent(playground), every=0.005)
            waits.append(await playground.value("select extract(epoch from max(published_at - created_at)) from outbox where id > 1"))

    assert max(waits) < 0.9, "a look takes a second"


@pytest.mark.usefixtures("probe_topics")
async def test_what_was_sent_but_not_marked_is_sent_again_as_the_same_event(playground: Playground) -> None:
    await playground.publish("a", 1, 2, 3)
    async with playground.relaying():
        await eventually(lambda: all_sent(playground))
    await playground.do("update outbox set published_at = null where id >= 2")
    async with playground.relaying():
        await eventually(lambda: all_sent(playground))

    log = await playground.log(probe.EVENTS)
    assert sequences(log) == {"a": [1, 2, 3, 2, 3]}
    ids = [dict(record.headers)["ce_id"] for record in log]
    assert ids[1:3] == ids[3:5]
    assert len(set(ids)) == 3


@pytest.mark.usefixtures("probe_topics")
async def test_what_was_sent_is_marked_with_the_next_look_and_before_the_relay_ends(
    playground: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.messaging.relay._MARK_WITHIN_SECONDS", 60)

    async def has_sent(how_many: int) -> bool:
        return len(await playground.log(probe.EVENTS)) == how_many

    async with playground.relaying():
        await playground.publish("a", 1)
        await eventually(lambda: has_sent(1))
        await playground.publish("a", 2)
        await eventually(lambda: has_sent(2))
        assert await playground.rows("select id from outbox where published_at is null") == [(2,)]

    assert await all_sent(playground)


@pytest.mark.parametrize("limit", ["of a request", "of the topic"])
async def test_an_event_that_can_never_be_sent_stops_its_key_alone(
    playground: Playground, settings: ServiceSettings, database: Database, topics: Any, limit: str
) -> None:
    largest = 2_000 if limit == "of the topic" else 1_000_000
    await topics(topics=[probe.STATES], partitions=1)
    await _make_topic(settings, probe.EVENTS.name, {"max.message.bytes": str(largest)})
    await playground.publish("a", 1)
    async with database.begin() as tx:
        tx.publish(probe.EVENTS, probe.ProbeEvent(name="a", n=2, text="x" * 5_000), key="a")
        tx.publish(probe.EVENTS, probe.ProbeEvent(name="a", n=3), key="a")
        tx.publish(probe.EVENTS, probe.ProbeEvent(name="b", n=1), key="b")
        tx.publish(probe.STATES, probe.ProbeEvent(name="a", n=1), key="a")
    if limit == "of a request":
        # Larger than what may be written; an older version of us may have.
        await playground.do("update outbox set payload = $1 where id = 2", b"x" * 2_000_000)

    async def all_but_its_key() -> bool:
        return await playground.value("select count(*) from outbox where published_at is null") == 2

    async with playground.relaying():
        await eventually(all_but_its_key, timeout=20)
        await playground.publish("a", 4)
        await playground.publish("b", 2)
        await eventually(lambda: playground.value("select count(*) = 3 from outbox where published_at is null"))

    assert {key: versions[-1] for key, versions in sequences(await playground.log(probe.EVENTS)).items()} == {"a": 1, "b": 2}
    assert sequences(await playground.log(probe.STATES)) == {"a": [1]}
    assert await playground.rows("select id from outbox where refused is not null") == [(2,)]


async def test_without_kafka_the_relay_ends_and_drains_in_order_when_kafka_is_back(
    playground: Playground, own_broker: OwnBroker, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of thirty seconds and ten; only the waiting is shorter.
    monkeypatch.setattr("chassis.messaging.relay._LONGEST_SEND_SECONDS", 3)
    monkeypatch.setattr("chassis.standing.health._SILENT_SECONDS", 2)
    kafka = await own_broker()
    settings = playground.settings.model_copy(update={"kafka_bootstrap_servers": kafka.bootstrap_servers})
    playground.settings = settings
    await create_topics(settings, partitions=1, topics=[probe.EVENTS])
    relay = asyncio.create_task(Relay(settings, probe.NAME).run())
    await playground.publish("a", 1)
    await eventually(lambda: all_sent(playground), timeout=20)

    kafka.pause()
    await playground.publish("a", *range(2, 30))
    with pytest.raises(MustStop, match="acknowledged nothing"):
        await asyncio.wait_for(relay, timeout=20)
    unready = await Health(database).ready()
    kafka.resume()

    async with playground.relaying():
        await eventually(lambda: all_sent(playground), timeout=20)
    sent = sequences(await playground.log(probe.EVENTS))["a"]
    # What the paused broker had received may stand there twice, but every version comes after the one before it.
    assert sorted(set(sent)) == list(range(1, 30))
    assert [version for n, version in enumerate(sent) if version not in sent[:n]] == list(range(1, 30))
    assert not unready.is_ready


async def _make_topic(settings: ServiceSettings, name: str, configuration: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(settings.named(name), 1, 1, topic_configs=configuration)])
    finally:
        await admin.close()
