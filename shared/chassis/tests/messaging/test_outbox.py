"""The outbox: what a transaction tells leaves with it, and for each key in the order of its commits."""

import asyncio
import random
from collections import defaultdict

import probe
import pytest
from playground import Playground

from chassis.database.outbox import _WRITE, CHANNEL
from chassis.database.sql import Database, Transaction
from chassis.errors import Rejected
from contracts.event import FIRST_VERSION


def happened(key: str, n: int = 1, text: str = "") -> probe.ProbeEvent:
    return probe.ProbeEvent(name=key, n=n, text=text)


async def test_twelve_writers_on_three_keys_leave_versions_without_gaps_in_the_order_of_their_ids(
    playground: Playground, database: Database
) -> None:
    async def write(seed: int) -> None:
        chance = random.Random(seed)
        for n in range(40):
            async with database.begin() as tx:
                for key in chance.sample(["a", "b", "c"], chance.randint(1, 3)):
                    tx.publish(probe.EVENTS, happened(key, n), key=key)
                    await asyncio.sleep(0)

    await asyncio.gather(*(write(seed) for seed in range(12)))

    versions = defaultdict(list)
    for row in await playground.rows("select aggregateid, version from outbox order by id"):
        versions[row["aggregateid"]].append(row["version"])
    for of_key in versions.values():
        assert of_key == list(range(FIRST_VERSION, FIRST_VERSION + len(of_key)))


async def test_ids_are_taken_after_the_locks_and_in_order(playground: Playground) -> None:
    plan = "\n".join(row[0] for row in await playground.rows(f"explain (verbose, costs off) {_WRITE}", *([[]] * 8)))

    insert = plan[plan.index("Insert on public.outbox\n") :]
    assert insert.index("nextval") < insert.index("Sort"), "ids are given out above the sort, and the sort waits for all locks"


async def test_batches_that_name_their_keys_in_another_order_never_deadlock(database: Database) -> None:
    async def write(keys: list[str]) -> None:
        for n in range(40):
            async with database.begin() as tx:
                for key in keys:
                    tx.publish(probe.EVENTS, happened(key, n), key=key)

    await asyncio.gather(*(write(keys) for keys in (["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"])))


async def test_what_is_undone_leaves_no_event_and_no_gap(playground: Playground, database: Database) -> None:
    async def fails() -> None:
        async with database.begin() as tx:
            tx.publish(probe.EVENTS, happened("a", 1), key="a")
            raise RuntimeError

    async def changes_its_mind(tx: Transaction) -> None:
        async with tx.savepoint():
            tx.publish(probe.EVENTS, happened("a", 3), key="a")
            raise ValueError("change of mind")

    with pytest.raises(RuntimeError):
        await fails()
    async with database.begin() as tx:
        tx.publish(probe.EVENTS, happened("a", 2), key="a")
        with pytest.raises(ValueError, match="change of mind"):
            await changes_its_mind(tx)
        tx.publish(probe.EVENTS, happened("a", 4), key="a")

    rows = await playground.rows("select payload, version from outbox order by id")
    assert [(probe.ProbeEvent.parse(row["payload"]).n, row["version"]) for row in rows] == [(2, FIRST_VERSION), (4, FIRST_VERSION + 1)]


async def test_events_of_one_key_in_one_transaction_keep_their_order(playground: Playground, database: Database) -> None:
    async with database.begin() as tx:
        for n in range(500):
            tx.publish(probe.EVENTS, happened(f"key-{n % 7}", n), key=f"key-{n % 7}")

    written = await playground.rows("select payload from outbox order by id")
    assert [probe.ProbeEvent.parse(row["payload"]).n for row in written] == list(range(500))
    for k in range(7):
        rows = await playground.rows("select payload, version from outbox where aggregateid = $1 order by id", f"key-{k}")
        assert [probe.ProbeEvent.parse(row["payload"]).n for row in rows] == list(range(k, 500, 7))
        assert [row["version"] for row in rows] == list(range(FIRST_VERSION, FIRST_VERSION + len(rows)))


async def test_what_the_broker_would_not_take_is_refused_when_it_is_written(database: Database) -> None:
    async with database.begin() as tx:
        with pytest.raises(Rejected) as refused:
            tx.publish(probe.EVENTS, happened("a", text="x" * 900_000), key="a")
        with pytest.raises(ValueError, match="key"):
            tx.publish(probe.EVENTS, happened("a"), key="x" * 513)
        with pytest.raises(ValueError, match="carry"):
            tx.publish(probe.STATES, probe.OtherEvent(name="a", n=1), key="a")

    assert refused.value.status == 413
    assert "xx" not in str(refused.value)


async def test_a_commit_wakes_whoever_listens_once(playground: Playground, database: Database) -> None:
    woken = asyncio.Queue[str]()
    async with database.connection() as connection:
        wake = lambda *_: woken.put_nowait("woken")  # noqa: E731  the same one must be taken off again
        await connection.add_listener(CHANNEL, wake)
        async with database.begin() as tx:
            for n in range(3):
                tx.publish(probe.EVENTS, happened("a", n), key="a")
            assert woken.empty()
        await asyncio.wait_for(woken.get(), timeout=2)
        await connection.fetchval("select 1")
        assert woken.empty()
        await connection.remove_listener(CHANNEL, wake)
