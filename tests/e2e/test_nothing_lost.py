"""Nothing is lost and nothing counts twice, whatever is killed, paused or taken away while wards go on reporting.

Each test first shows that the worst moment really came, and then that everything that was accepted counts once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import httpx
import pytest

from chassis.testing.processes import ServiceProcess
from chassis.testing.waiting import eventually

from .conftest import Fragile
from .kafka_log import sent_twice
from .load import fresh_report, load, report_body
from .oracle import Report, Ward
from .stalling import committing_takes_long, waits_for_a_lock
from .system import API, CAPACITY_RELAY, CAPACITY_WORKER, REPORTING_WORKER, SESSION_TIMEOUT_SECONDS, System

_TRIES = 5


async def test_a_system_that_nobody_disturbs_counts_every_report_once(system: System) -> None:
    async with load(system, rate=100, seed=0):
        await asyncio.sleep(2)

    await system.assert_nothing_lost_and_nothing_twice()


async def test_workers_killed_between_the_database_commit_and_the_offset_commit_count_no_report_twice(system: System) -> None:
    async with load(system, rate=90, kafka_share=0.6, seed=1):
        for name in (CAPACITY_WORKER, REPORTING_WORKER):
            await _killed_between_its_commits(system, name)
            system.start(name)

    await system.assert_nothing_lost_and_nothing_twice()


async def _killed_between_its_commits(system: System, name: str) -> None:
    """Kill a worker that has stored what its group has not committed yet."""
    reader = name.split(maxsplit=1)[0]

    async def is_killed_ahead() -> bool:
        worker = system.process(name)
        worker.pause()
        if not await system.stored_ahead_of_committed(reader):
            worker.resume()
            return False
        await system.kill9(name)
        # Not, when a commit was on its way as the pause began.
        if await system.stored_ahead_of_committed(reader):
            return True
        system.start(name)
        return False

    await eventually(is_killed_ahead, timeout=60, what=f"{reader} to be killed before its offsets were committed")


async def test_a_relay_killed_between_sending_and_marking_sends_twice_and_nobody_notices(system: System) -> None:
    await system.settled()
    await system.kill9(CAPACITY_RELAY)
    before = await system.owned_records("capacity.units.v1")
    wards = list(system.oracle.wards.values())[:6]
    for ward in wards:
        await _reported(system, ward, occupied=3)
        await _reported(system, ward, occupied=4)

    async with system.database("capacity") as connection, connection.transaction():
        # Reading goes on under these locks, marking as sent does not.
        await connection.execute("select from outbox where published_at is null for update")
        relay = system.start(CAPACITY_RELAY)
        await eventually(waits_for_a_lock(system, "capacity", "relay"), timeout=60, what="the relay to mark what it has sent")
        sent = await system.owned_records("capacity.units.v1")
        assert len(sent) == len(before) + 2 * len(wards)
        assert await system.unsent("capacity") == 2 * 2 * len(wards), "observations and units, none of them marked"
        system.leave(CAPACITY_RELAY)
        relay.kill9()
        await relay.wait_exit()
        # Else the server goes on with the dead relay's last statement as soon as it gets the lock.
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'relay' and datname = current_database()"
        )
    system.start(CAPACITY_RELAY)

    await system.assert_nothing_lost_and_nothing_twice()
    assert sent_twice(await system.owned_records("capacity.units.v1")) >= 2 * len(wards)
    assert sent_twice(await system.owned_records("capacity.observations.v1")) >= 2 * len(wards)


async def test_workers_killed_in_the_middle_of_a_rebalance_lose_nothing(system: System) -> None:
    async with load(system, rate=70, kafka_share=0.5, seed=3):
        killed_at = await asyncio.gather(*(_killed_while_rebalancing(system, name) for name in (CAPACITY_WORKER, REPORTING_WORKER)))
    assert [state for state in killed_at if state != "Stable"] == list(killed_at)

    await system.assert_nothing_lost_and_nothing_twice()
    await _back_to_first_instances(system)


async def _killed_while_rebalancing(system: System, name: str) -> str:
    """Start a second worker, and kill the first while the group sorts itself out; gives the group's state at that moment."""
    group = name.split(maxsplit=1)[0]
    await eventually(_is_stable(system, group), timeout=60, what=f"{group} to have a stable group")
    system.start(name, instance="2")
    first = system.leave(name)
    await eventually(_is_rebalancing(system, group), timeout=60, every=0.005, what=f"{group} to rebalance")
    first.kill9()
    state, _ = await system.log.group_state(group)
    return state


async def test_a_relay_that_wakes_up_after_another_took_over_leaves_no_old_value_behind(system: System) -> None:
    await system.settled()
    system.start(CAPACITY_RELAY, instance="2")
    slots = [CAPACITY_RELAY, f"{CAPACITY_RELAY} #2"]
    for _ in range(_TRIES):
        if await _is_fenced_on_waking(system, *slots):
            break
        # On a slow machine it slept longer than it waits for an answer, and so has not tried to send: the other one next.
        slots.reverse()
    else:
        pytest.fail("no relay ever tried to send what it had read before it was overtaken")

    await system.assert_nothing_lost_and_nothing_twice()
    await _back_to_first_instances(system)


async def _is_fenced_on_waking(system: System, sleeping: str, standing_by: str) -> bool:
    """Let the relay that has the lock fall asleep with its hands full; whether it was refused when it woke up."""
    sleeper, successor = system.leave(sleeping), system.process(standing_by)
    locks_before = successor.log.count("relay has the lock")
    wards = list(system.oracle.wards.values())[:4]

    # It is held at its reading and paused there: what it asked for waits in its socket until it wakes.
    sleeper.pause()
    for ward in wards:
        await _reported(system, ward, occupied=1)
    async with system.database("capacity") as connection:
        async with connection.transaction():
            await connection.execute("lock table outbox in access exclusive mode")
            sleeper.resume()
            await eventually(waits_for_a_lock(system, "capacity", "relay"), timeout=60, what="the relay to read the outbox")
            sleeper.pause()
        # The database gives up on it, as it does on whoever says nothing for ten seconds.
        await eventually(lambda: connection.fetchval(_IDLE_RELAYS), timeout=60, what="the relay's rows to be on their way")
        await connection.execute(_END_THE_RELAY_WITH_THE_LOCK)
    await eventually(lambda: successor.log.count("relay has the lock") > locks_before, timeout=60, what="the other relay to take over")
    for ward in wards:
        await _reported(system, ward, occupied=9)
    await eventually(lambda: _is_all_sent(system), timeout=60, what="the newer values to be sent")

    sleeper.resume()
    waking = ("a later relay has taken over", "database away")
    await eventually(lambda: any(words in sleeper.log for words in waking), timeout=60, what="the first relay to notice")
    if waking[0] in sleeper.log:
        assert await sleeper.wait_exit() == 1
        return True
    system.take_back(sleeping, sleeper)
    return False


_HAS_THE_LOCK = "pid in (select pid from pg_locks where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database()))"
_IDLE_RELAYS = f"select count(*) from pg_stat_activity where application_name = 'relay' and state = 'idle' and {_HAS_THE_LOCK}"
_END_THE_RELAY_WITH_THE_LOCK = (
    f"select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'relay' and {_HAS_THE_LOCK}"
)


async def _is_all_sent(system: System) -> bool:
    return await system.unsent("capacity") == 0


async def test_a_worker_that_ends_because_its_handler_raises_has_taken_nothing_for_done_that_waits_behind_it(system: System) -> None:
    async with load(system, rate=100, seed=6):
        await asyncio.sleep(0.5)
        async with system.database("reporting") as connection:
            await connection.execute("alter table reader_versions rename to reader_versions_away")
            ended_before = len(system.ended)
            await eventually(lambda: len(system.ended) >= ended_before + 2, timeout=90, what="the worker to end, and end again")
            ahead = await system.committed_ahead_of_stored("reporting")
            await connection.execute("alter table reader_versions_away rename to reader_versions")
    assert ahead == {}, "offsets of what nobody has processed are committed"

    await system.assert_nothing_lost_and_nothing_twice()


async def test_a_worker_paused_in_the_middle_of_its_work_for_longer_than_its_session_doubles_nothing(system: System) -> None:
    async with load(system, rate=90, seed=7):
        sleeper = await _paused_in_a_transaction(system)
        begun = datetime.now(UTC)
        system.start(REPORTING_WORKER, instance="2")
        await eventually(_has_members(system, "reporting", 1), timeout=60, what="the second worker to have taken over")
    # Only the second one is awake, and it can do all of it.
    await system.settled()
    assert (datetime.now(UTC) - begun).total_seconds() > SESSION_TIMEOUT_SECONDS
    await eventually(system.assert_national, timeout=60, every=0.2)

    async with load(system, rate=90, seed=8):
        sleeper.resume()
        await asyncio.sleep(2)

    await system.assert_nothing_lost_and_nothing_twice()
    await _back_to_first_instances(system)


async def _paused_in_a_transaction(system: System) -> ServiceProcess:
    worker = system.leave(REPORTING_WORKER)
    for _ in range(200):
        worker.pause()
        async with system.database("reporting") as connection:
            state = "select count(*) from pg_stat_activity where application_name = 'reporting.worker' and state = 'idle in transaction'"
            # Twice, for what was on its way when the pause began.
            await connection.fetchval(state)
            if await connection.fetchval(state):
                return worker
        worker.resume()
        await asyncio.sleep(0.01)
    pytest.fail("the worker was never caught in a transaction")


async def test_a_report_whose_answer_was_lost_with_the_api_is_sent_again_and_counts_once(system: System) -> None:
    await system.settled()
    ward = next(iter(system.oracle.wards.values()))
    stored, unstored = fresh_report(ward.unit_id, occupied=5), fresh_report(ward.unit_id, occupied=6)

    async with committing_takes_long(system, "capacity") as let_it_commit:
        answer = asyncio.create_task(system.post("/capacity/v1/reports", report_body(stored, ward.source)))
        await eventually(waits_for_a_lock(system, "capacity", "capacity.api"), timeout=60, what="the report to be committed")
        await system.kill9(API)
        await let_it_commit()
    with pytest.raises(httpx.TransportError):
        await answer
    system.start(API)
    await system.is_up()

    async with system.database("capacity") as connection, connection.transaction():
        await connection.execute("lock table outbox in share mode")
        answer = asyncio.create_task(system.post("/capacity/v1/reports", report_body(unstored, ward.source)))
        await eventually(waits_for_a_lock(system, "capacity", "capacity.api"), timeout=60, what="the report to be written")
        await system.kill9(API)
    with pytest.raises(httpx.TransportError):
        await answer
    system.start(API)
    await system.is_up()

    duplicates = []
    for report in (stored, unstored):
        again = await system.post("/capacity/v1/reports", report_body(report, ward.source))
        assert again.status_code == 202
        duplicates.append(again.json()["duplicate"])
        system.oracle.accepted(report)
    assert duplicates == [True, False]
    await system.assert_nothing_lost_and_nothing_twice()


async def test_while_kafka_is_down_reports_are_taken_and_go_out_in_order_when_it_is_back(fragile: Fragile) -> None:
    system = fragile.system
    async with load(system, rate=40, kafka_share=0, seed=4) as reports:
        await asyncio.sleep(1)
        fragile.kafka.kill()
        accepted_before, was_unready = reports.accepted, False
        for _ in range(30):
            await asyncio.sleep(1)
            assert await system.is_live("capacity")
            assert await system.is_live("reporting")
            was_unready = was_unready or not (await system.is_ready("capacity") or await system.is_ready("reporting"))
        assert reports.accepted > accepted_before + 30 * 40 / 2
        assert reports.unavailable == 0
        assert was_unready
        assert not await system.is_ready("capacity")
        assert not await system.is_ready("reporting")
        assert await system.unsent("capacity") > 500
        await fragile.kafka.start()

    await system.assert_nothing_lost_and_nothing_twice(timeout=90)
    assert await eventually(lambda: system.is_ready("capacity"), timeout=20)
    assert await eventually(lambda: system.is_ready("reporting"), timeout=20)


async def test_while_postgresql_is_down_nothing_is_taken_and_no_offset_moves(fragile: Fragile) -> None:
    system = fragile.system
    await system.settled()
    async with load(system, rate=40, kafka_share=0.4, seed=5) as reports:
        await asyncio.sleep(1)
        fragile.postgres.kill()
        await fragile.postgres.process.exited(10)
        refused = await system.post("/capacity/v1/reports", report_body(_known(system), _ward(system).source))
        assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
        assert refused.headers["content-type"] == "application/problem+json"
        # What was committed before the end may still be acknowledged; from then on nothing moves.
        await asyncio.sleep(2)
        before = {reader: await system.log.committed(reader) for reader in ("capacity", "reporting")}
        await asyncio.sleep(6)
        assert {reader: await system.log.committed(reader) for reader in before} == before
        assert any(committed != end for committed, end in (await system.behind("capacity")).values()), "nothing waited on Kafka"
        assert reports.unavailable > 0
        assert await system.is_live("capacity")
        assert not await system.is_ready("capacity")
        await fragile.postgres.start()

    await system.assert_nothing_lost_and_nothing_twice(timeout=90)


def _ward(system: System) -> Ward:
    return next(iter(system.oracle.wards.values()))


def _known(system: System) -> Report:
    """Not expected to count: the test sends it only to be refused."""
    return fresh_report(_ward(system).unit_id, occupied=12)


async def _reported(system: System, ward: Ward, **figures: int) -> None:
    report = fresh_report(ward.unit_id, **figures)
    answer = await system.post("/capacity/v1/reports", report_body(report, ward.source))
    assert answer.status_code == 202, answer.text
    system.oracle.accepted(report)


async def _back_to_first_instances(system: System) -> None:
    """Leave the shared system as the next test expects it: one of each, called 1."""
    for name in (CAPACITY_WORKER, CAPACITY_RELAY, REPORTING_WORKER):
        if f"{name} #2" in system.slots:
            second = system.leave(f"{name} #2")
            second.terminate()
            await second.wait_exit()
        if name not in system.slots:
            system.start(name)


def _is_stable(system: System, group: str) -> Callable[[], Awaitable[bool]]:
    async def is_stable() -> bool:
        state, members = await system.log.group_state(group)
        return state == "Stable" and members > 0

    return is_stable


def _is_rebalancing(system: System, group: str) -> Callable[[], Awaitable[bool]]:
    async def is_rebalancing() -> bool:
        state, _ = await system.log.group_state(group)
        return state in {"PreparingRebalance", "CompletingRebalance"}

    return is_rebalancing


def _has_members(system: System, group: str, count: int) -> Callable[[], Awaitable[bool]]:
    async def has_members() -> bool:
        return await system.log.group_state(group) == ("Stable", count)

    return has_members
