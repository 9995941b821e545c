"""What can never succeed is set aside with its reason, and blocks nothing but its own key."""

import asyncio
from datetime import timedelta
from typing import Any

import orjson
import probe
import pytest
from playground import Log, Playground, a_delivery, deliver, someone_waits

from chassis.database.sql import Database
from chassis.errors import MustStop
from chassis.messaging.delivery import Delivery
from chassis.messaging.replaying import discard, list_parked, replay
from chassis.settings import ServiceSettings

EVENTS, STATES, REPORTS = probe.EVENTS, probe.STATES, probe.REPORTS


@pytest.fixture
def delivery(settings: ServiceSettings, database: Database) -> Delivery:
    return a_delivery(settings, database)


async def test_only_the_event_that_fails_is_parked_and_later_events_of_its_key_wait_behind_it(
    playground: Playground, delivery: Delivery
) -> None:
    log = Log()
    await deliver(
        delivery,
        EVENTS,
        [log.append("a", 1), log.append("b", 1), log.append("a", 2, behaviour="reject"), log.append("b", 2), log.append("a", 3)],
    )
    await deliver(delivery, EVENTS, [log.append("a", 4), log.append("b", 3)])

    assert await playground.applied() == {"a": [1], "b": [1, 2, 3]}
    assert [(row["key"], row["reason"], row["follows"]) for row in await playground.parked()] == [
        ("a", "never: this can never be applied", False),
        ("a", "an earlier event of this key is parked", True),
        ("a", "an earlier event of this key is parked", True),
    ]
    assert await playground.incomplete(EVENTS) == {"a"}


async def test_replay_applies_what_is_parked_in_order_and_then_the_key_goes_on(
    playground: Playground, delivery: Delivery, database: Database
) -> None:
    log = Log()
    records = [log.append("a", 1), log.append("a", 2, behaviour="reject"), log.append("a", 3), log.append("b", 1, behaviour="reject")]
    await deliver(delivery, EVENTS, records)
    unchanged = await replay(database, probe.NAME, probe.READINGS[:2], key="a")
    await playground.fix()

    replayed = await replay(database, probe.NAME, probe.READINGS[:2], key="a")
    await deliver(delivery, EVENTS, [*records, log.append("a", 4), log.append("b", 2)])

    assert [(outcome.applied, outcome.stopped_by) for outcome in unchanged] == [(0, "never: this can never be applied")]
    assert [(outcome.key, outcome.applied, outcome.stopped_by) for outcome in replayed] == [("a", 2, None)]
    assert await playground.applied() == {"a": [1, 2, 3, 4]}
    assert await playground.incomplete(EVENTS) == {"b"}
    assert [row["key"] for row in await list_parked(database, probe.NAME)] == ["b", "b"]


async def test_a_replay_that_fails_in_the_middle_keeps_what_it_did_and_the_rest_waits(
    playground: Playground, delivery: Delivery, database: Database
) -> None:
    log = Log()
    broken = log.append("a", 3, body=b"{")
    await deliver(delivery, EVENTS, [log.append("a", 1, behaviour="reject"), log.append("a", 2), broken, log.append("a", 4)])
    await playground.fix()

    [outcome] = await replay(database, probe.NAME, probe.READINGS[:2])

    assert (outcome.applied, outcome.stopped_by) == (2, "the body breaks the contract: body: json_invalid")
    assert await playground.applied() == {"a": [1, 2]}
    assert await playground.incomplete(EVENTS) == {"a"}


@pytest.mark.parametrize("by_hand", ["replay", "discard"])
async def test_whoever_looks_after_a_key_waits_for_the_worker_that_is_at_it(
    playground: Playground, delivery: Delivery, database: Database, by_hand: str
) -> None:
    await deliver(delivery, EVENTS, [Log().append("a", 1, behaviour="reject")])
    [parked] = await playground.parked()
    async with database.begin() as worker:
        await worker.connection.execute("select from reader_versions where key = 'a' for update")
        doing: asyncio.Task[Any] = asyncio.create_task(
            replay(database, probe.NAME, probe.READINGS[:2])
            if by_hand == "replay"
            else discard(database, probe.NAME, probe.READINGS[:2], [parked["id"]])
        )
        await someone_waits(playground)
        assert not doing.done()
    await doing


async def test_discarding_the_event_that_fails_lets_those_behind_it_be_replayed(
    playground: Playground, delivery: Delivery, database: Database
) -> None:
    log = Log()
    await deliver(delivery, EVENTS, [log.append("a", 1, body=b"[]"), log.append("a", 2)])
    first, follower = await playground.parked()

    assert await discard(database, probe.NAME, probe.READINGS[:2], [first["id"]]) == 1
    assert await playground.incomplete(EVENTS) == {"a"}
    [outcome] = await replay(database, probe.NAME, probe.READINGS[:2])
    await deliver(delivery, EVENTS, [log.append("a", 3)])

    assert outcome.stopped_by is None
    assert await playground.applied() == {"a": [2, 3]}
    assert await playground.incomplete(EVENTS) == set()
    assert await discard(database, probe.NAME, probe.READINGS[:2], [first["id"], follower["id"]]) == 0


async def test_on_a_compacted_topic_the_newer_state_takes_the_place_of_what_is_parked(playground: Playground, delivery: Delivery) -> None:
    log = Log(STATES)
    await deliver(delivery, STATES, [log.append("a", 1), log.append("a", 2, behaviour="reject"), log.append("b", 1, body=b"no json")])
    while_parked = await playground.incomplete(STATES)
    await deliver(delivery, STATES, [log.append("a", 3)])
    # Within one batch as well, and also when the broken record claimed a version out of the blue.
    await deliver(delivery, STATES, [log.append("b", 2**62, body=b"no json"), log.append("b", 2)])

    assert while_parked == {"a", "b"}
    assert await playground.incomplete(STATES) == set()
    assert await playground.applied(STATES) == {"a": [1, 3], "b": [2]}
    assert {row["resolution"] for row in await playground.parked()} == {"superseded"}


async def test_a_state_that_fails_after_a_good_one_leaves_its_key_incomplete(playground: Playground, delivery: Delivery) -> None:
    log = Log(STATES)

    await deliver(delivery, STATES, [log.append("a", 1), log.append("a", 2, body=b"no json")])

    assert await playground.incomplete(STATES) == {"a"}
    assert await playground.applied(STATES) == {"a": [1]}


async def test_what_is_parked_is_kept_and_copied_once_however_often_it_comes(playground: Playground, delivery: Delivery) -> None:
    log = Log()
    batch = [log.append("a", 1, behaviour="reject"), log.append("b", 1, body=b"{"), log.append(None, 1), log.append("c", None)]
    for _ in range(3):
        await deliver(delivery, EVENTS, batch)

    assert len(await playground.parked()) == 4
    copies = await playground.rows("select * from outbox order by id")
    assert {copy["aggregatetype"] for copy in copies} == {"probe.parked.v1"}
    assert sorted(orjson.loads(copy["payload"])["offset"] for copy in copies) == [record.offset for record in batch]


async def test_of_a_large_body_the_hash_and_the_beginning_are_kept_and_never_a_token(playground: Playground, delivery: Delivery) -> None:
    log = Log(REPORTS)
    body = b"x" * 1_000_000
    record = log.append("a", None, body=body, headers={"authorization": "Bearer secret", "other": "kept"})

    await deliver(delivery, REPORTS, [record])

    [row] = await playground.parked()
    assert (row["kind"], row["size"], len(row["body"])) == ("rejected", 1_000_000, 64 * 1024)
    assert (row["headers"].get("authorization"), row["headers"]["other"]) == (None, "kept")
    copy = orjson.loads(await playground.value("select payload from outbox"))
    assert (copy["is_whole"], copy["sha256"]) == (False, row["sha256"])
    assert "secret" not in str(copy)


async def test_a_rejected_report_never_silences_its_key(playground: Playground, delivery: Delivery) -> None:
    log = Log(REPORTS)
    good = [log.append("a", None, body=b'{"id": "%d"}' % n) for n in range(3)]
    bad = [log.append("a", None, body=body) for body in (b"", b"[]", b"{}", b"\xff")]
    await deliver(delivery, REPORTS, [good[0], *bad, good[1]])
    await deliver(delivery, REPORTS, [good[0], *bad, good[1], good[2]])

    assert {row["id"] for row in await playground.rows("select id from taken")} == {"0", "1", "2"}
    assert [row["kind"] for row in await playground.parked()] == ["rejected"] * 4


class TestFuse:
    async def test_a_hundred_parked_in_ten_minutes_stop_the_reader_also_after_a_restart_until_they_are_discarded(
        self, delivery: Delivery, database: Database, settings: ServiceSettings
    ) -> None:
        log = Log()
        await deliver(delivery, EVENTS, [log.append(f"k{n}", 1, body=b"{") for n in range(99)])
        await delivery.check_fuse()
        with pytest.raises(MustStop, match="fuse"):
            await deliver(delivery, EVENTS, [log.append("k99", 1, body=b"{")])
        with pytest.raises(MustStop, match="fuse"):
            await a_delivery(settings, database).check_fuse()

        ids = [row["id"] for row in await list_parked(database, probe.NAME)]
        assert len(ids) == 100
        await discard(database, probe.NAME, probe.READINGS[:2], ids[:1])
        await delivery.check_fuse()

    async def test_rejected_reports_never_blow_it(self, delivery: Delivery) -> None:
        log = Log(REPORTS)

        await deliver(delivery, REPORTS, [log.append("a", None, body=b"{") for _ in range(150)])

        await delivery.check_fuse()

    async def test_events_that_only_wait_behind_a_parked_one_never_blow_it(self, delivery: Delivery) -> None:
        log = Log()

        await deliver(delivery, EVENTS, [log.append("a", 1, body=b"{"), *(log.append("a", n) for n in range(2, 152))])

        await delivery.check_fuse()

    async def test_a_hundred_in_a_longer_time_do_not(self, playground: Playground, delivery: Delivery) -> None:
        log = Log()
        await deliver(delivery, EVENTS, [log.append(f"k{n}", 1, body=b"{") for n in range(60)])
        await playground.do("update parked set set_aside_at = set_aside_at - $1::interval", timedelta(minutes=11))

        await deliver(delivery, EVENTS, [log.append(f"l{n}", 1, body=b"{") for n in range(60)])

        await delivery.check_fuse()
