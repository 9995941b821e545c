"""Delivery: a batch is one transaction, and every event counts once, in the order of its key."""

import probe
import pytest
from playground import Log, Playground, a_delivery, deliver

from chassis.database.sql import Database
from chassis.errors import MustStop
from chassis.settings import ServiceSettings

GENERATION = 2**40


async def test_what_comes_again_is_not_applied_again(playground: Playground, settings: ServiceSettings, database: Database) -> None:
    delivery, log = a_delivery(settings, database), Log()
    batch = [log.append("a", 1), log.append("b", 1), log.append("a", 2)]

    await deliver(delivery, probe.EVENTS, batch)
    await deliver(delivery, probe.EVENTS, batch)
    await deliver(delivery, probe.EVENTS, [*batch[1:], log.append("a", 3)])

    assert await playground.applied() == {"a": [1, 2, 3], "b": [1]}


async def test_a_gap_on_a_topic_of_events_stops_and_applies_nothing(
    playground: Playground, settings: ServiceSettings, database: Database
) -> None:
    delivery, log = a_delivery(settings, database), Log()
    await deliver(delivery, probe.EVENTS, [log.append("a", 1)])

    with pytest.raises(MustStop, match="gap"):
        await deliver(delivery, probe.EVENTS, [log.append("b", 1), log.append("a", 3)])

    assert await playground.applied() == {"a": [1]}
    assert await playground.value("select next_offset from reader_positions") == 2


async def test_a_gap_on_a_compacted_topic_is_what_compaction_left(
    playground: Playground, settings: ServiceSettings, database: Database
) -> None:
    delivery, log = a_delivery(settings, database), Log(probe.STATES)

    await deliver(delivery, probe.STATES, [log.append("a", 1), log.append("a", 9)])
    await deliver(delivery, probe.STATES, [log.append("a", 4)])

    assert await playground.applied(probe.STATES) == {"a": [1, 9]}


async def test_a_key_never_seen_starts_anywhere(playground: Playground, settings: ServiceSettings, database: Database) -> None:
    delivery, log = a_delivery(settings, database), Log()

    await deliver(delivery, probe.EVENTS, [log.append("a", 41), log.append("a", 42)])

    assert await playground.applied() == {"a": [41, 42]}


async def test_a_new_generation_may_leave_a_gap_and_an_older_one_counts_no_more(
    playground: Playground, settings: ServiceSettings, database: Database
) -> None:
    delivery, log = a_delivery(settings, database), Log()
    await deliver(delivery, probe.EVENTS, [log.append("a", 1), log.append("a", 2 * GENERATION + 7)])

    await deliver(delivery, probe.EVENTS, [log.append("a", 2), log.append("a", 2 * GENERATION + 8)])

    assert await playground.applied() == {"a": [1, 7, 8]}


async def test_neighbours_of_one_type_come_together_and_the_order_between_types_stays(
    playground: Playground, settings: ServiceSettings, database: Database
) -> None:
    delivery, log = a_delivery(settings, database), Log()
    other = probe.OtherEvent(name="a", n=3)

    await deliver(delivery, probe.EVENTS, [log.append("a", 1), log.append("a", 2), log.append("a", 3, event=other), log.append("a", 4)])

    assert await playground.applied() == {"a": [1, 2, 3, 4]}


async def test_an_event_without_a_handler_here_is_passed_over_and_counted(
    playground: Playground, settings: ServiceSettings, database: Database
) -> None:
    delivery, log = a_delivery(settings, database), Log(probe.STATES)
    await deliver(delivery, probe.STATES, [log.append("a", 1), log.append("a", 2, is_tombstone=True)])

    assert await playground.applied(probe.STATES) == {"a": [1]}
    assert await playground.parked() == []
    assert await playground.value("select next_offset from reader_positions") == 3


async def test_a_fault_of_ours_is_not_parked_but_stops(playground: Playground, settings: ServiceSettings, database: Database) -> None:
    delivery, log = a_delivery(settings, database), Log()

    with pytest.raises(RuntimeError):
        await deliver(delivery, probe.EVENTS, [log.append("a", 1), log.append("b", 1, behaviour="crash")])

    assert await playground.applied() == {}
    assert await playground.parked() == []
    assert await playground.rows("select from reader_positions") == []


async def test_records_that_vanished_before_a_batch_stop_it(playground: Playground, settings: ServiceSettings, database: Database) -> None:
    delivery, log = a_delivery(settings, database), Log()
    first, _, third = log.append("a", 1), log.append("b", 1), log.append("c", 1)
    await deliver(delivery, probe.EVENTS, [first])

    with pytest.raises(MustStop, match="rebuild"):
        await deliver(delivery, probe.EVENTS, [third])

    assert await playground.applied() == {"a": [1]}


async def test_markers_of_others_transactions_leave_holes_where_outsiders_write(
    playground: Playground, settings: ServiceSettings, database: Database
) -> None:
    delivery, log = a_delivery(settings, database), Log(probe.REPORTS)
    reports = [log.append("a", None, body=b'{"id": "%d"}' % n) for n in range(3)]

    await deliver(delivery, probe.REPORTS, reports[:1])
    await deliver(delivery, probe.REPORTS, reports[2:])

    assert await playground.value("select count(*) from taken") == 2
