"""Timers: what must happen later happens once, by the database's clock."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from playground import Playground

from chassis.database.clock import db_now
from chassis.database.sql import Database, Transaction
from chassis.worker.timers import Timer, TimerLoop, _ClockWatch, clear_timers, set_timers

HOUR = timedelta(hours=1)


class Fired:
    """Remembers what was due, and writes it down in the transaction."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []
        self.at: list[datetime] = []

    async def __call__(self, tx: Transaction, timers: Sequence[Timer], now: datetime) -> None:
        await asyncio.sleep(0.01)
        await tx.connection.executemany(
            "insert into applied (topic, key, n, version) values ('timers', $1, 0, 0)", [(timer.subject,) for timer in timers]
        )
        self.timers += timers
        self.at.append(now)


@pytest.fixture
def fired() -> Fired:
    return Fired()


@pytest.fixture
def loop(database: Database, fired: Fired) -> TimerLoop:
    return TimerLoop(database, "probe", {"stale": fired})


async def set_in(database: Database, subject: str, after: timedelta) -> datetime:
    async with database.begin() as tx:
        due_at = await db_now(tx.connection) + after
        await set_timers(tx.connection, "stale", [(subject, due_at)])
    return due_at


async def shift_clock(playground: Playground, by: timedelta) -> None:
    await playground.do("insert into clock_shift (shift) values ($1) on conflict (only_row) do update set shift = excluded.shift", by)


async def test_a_timer_fires_once_when_the_databases_clock_says_so(
    playground: Playground, database: Database, loop: TimerLoop, fired: Fired
) -> None:
    due_at = await set_in(database, "unit", HOUR)
    await loop.fire_due()
    assert fired.timers == []

    await shift_clock(playground, HOUR)
    await loop.fire_due()
    await loop.fire_due()

    assert fired.timers == [Timer("stale", "unit", due_at)]
    assert fired.at[0] >= due_at


async def test_what_came_due_while_nobody_looked_fires_once_with_its_due_time(
    playground: Playground, database: Database, loop: TimerLoop, fired: Fired
) -> None:
    due_at = await set_in(database, "unit", HOUR)
    await shift_clock(playground, 72 * HOUR)

    await loop.fire_due()
    await loop.fire_due()

    assert [timer.due_at for timer in fired.timers] == [due_at]


async def test_a_moved_timer_fires_at_its_new_time_only_and_a_cleared_one_never(
    playground: Playground, database: Database, loop: TimerLoop, fired: Fired
) -> None:
    await set_in(database, "moved", HOUR)
    await set_in(database, "cleared", HOUR)
    later = await set_in(database, "moved", 3 * HOUR)
    async with database.begin() as tx:
        await clear_timers(tx.connection, "stale", ["cleared"])
    await shift_clock(playground, 2 * HOUR)
    await loop.fire_due()
    assert fired.timers == []

    await shift_clock(playground, 4 * HOUR)
    await loop.fire_due()

    assert fired.timers == [Timer("stale", "moved", later)]


async def test_two_workers_never_fire_one_twice(playground: Playground, database: Database, fired: Fired) -> None:
    async with database.begin() as tx:
        await set_timers(tx.connection, "stale", [(f"unit-{n}", datetime.now(UTC) - HOUR) for n in range(1_000)])
    loops = [TimerLoop(database, "probe", {"stale": fired}) for _ in range(4)]

    async def fire_all(loop: TimerLoop) -> None:
        while await loop.fire_due():
            pass

    await asyncio.gather(*(fire_all(loop) for loop in loops))
    await loops[0].fire_due()

    assert (
        await playground.value("select count(*) from applied") == await playground.value("select count(distinct key) from applied") == 1_000
    )


async def test_an_effect_that_fails_leaves_its_timer(playground: Playground, database: Database, loop: TimerLoop, fired: Fired) -> None:
    async def fails(tx: Transaction, timers: Sequence[Timer], now: datetime) -> None:
        raise RuntimeError

    await set_in(database, "unit", -HOUR)
    with pytest.raises(RuntimeError):
        await TimerLoop(database, "probe", {"stale": fails}).fire_due()

    await loop.fire_due()

    assert [timer.subject for timer in fired.timers] == ["unit"]


async def test_while_the_clocks_differ_timers_wait(database: Database, fired: Fired) -> None:
    off_by = timedelta(seconds=6)
    loop = TimerLoop(database, "probe", {"stale": fired}, clock=lambda: datetime.now(UTC) + off_by)
    await set_in(database, "unit", -HOUR)

    for _ in range(3):
        await loop.fire_due()

    assert fired.timers == []


@pytest.mark.parametrize("is_ours_too", [False, True], ids=["the database's", "both"])
def test_after_a_clock_jumped_timers_wait_until_it_has_run_on_for_a_while(monkeypatch: pytest.MonkeyPatch, is_ours_too: bool) -> None:
    real = 100.0
    theirs = ours = start = datetime(2026, 1, 1, tzinfo=UTC)
    monkeypatch.setattr("chassis.worker.timers.monotonic", lambda: real)
    clocks = _ClockWatch(lambda: ours)

    def sound_after(seconds: float, jump: float = 0) -> bool:
        nonlocal real, theirs, ours
        real += seconds
        theirs += timedelta(seconds=seconds + jump)
        ours += timedelta(seconds=seconds + (jump if is_ours_too else 0))
        return clocks.are_sound(theirs)

    assert sound_after(0)
    assert sound_after(60)
    assert not sound_after(1, jump=3600)
    assert not sound_after(4)
    # Where only the database's clock moved it still differs from ours.
    assert sound_after(2) is is_ours_too
    theirs = ours = start
    assert not sound_after(0)
    assert not sound_after(4)
    assert sound_after(2)
