"""A live list: whoever watches is told every change once, whatever order transactions commit in and whatever breaks."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from watching import CHANNEL, ROWS, MakeLive, Watcher, add, change, create_schema

from chassis.database.sql import Database
from chassis.errors import Unavailable
from chassis.live import Live, LivePosition
from chassis.testing.databases import SchemaDatabase
from chassis.testing.fixtures import OwnPostgres
from chassis.testing.waiting import eventually


async def beds(database: Database, count: int = 3, region: str = "VR03") -> list[UUID]:
    async with database.begin() as tx:
        return [await add(tx.connection, region) for _ in range(count)]


async def changed(database: Database, *bed_ids: UUID, **changes: str) -> None:
    async with database.begin() as tx:
        for bed_id in bed_ids:
            await change(tx.connection, bed_id, **changes)


async def test_one_sees_everything_and_then_every_change(database: Database, live: Live) -> None:
    first, second, third = await beds(database)
    watcher = await Watcher().joins(live)
    await watcher.is_up_to_date()
    assert watcher.shown == {first: 1, second: 1, third: 1}
    assert not watcher.names("reset")

    await changed(database, second)
    await changed(database, second)
    [fourth] = await beds(database, 1)

    await eventually(lambda: watcher.shown == {first: 1, second: 3, third: 1, fourth: 1})


async def test_what_began_earlier_and_commits_later_arrives_too_and_everything_once(database: Database, live: Live) -> None:
    early, late = await beds(database, 2)
    watcher = await Watcher().joins(live)
    await watcher.is_up_to_date()
    watcher.told.clear()

    async with database.begin() as first:
        await change(first.connection, early)
        async with database.begin() as second:
            await change(second.connection, late)
        await eventually(lambda: watcher.shown[late] == 2)
        # Whoever looks between the two commits has a position from between them.
        newcomer = await Watcher().joins(live)
        await newcomer.is_up_to_date()
        await newcomer.leaves()
        assert watcher.told == [(late, 2)]
    await eventually(lambda: watcher.shown[early] == 2)
    await newcomer.joins(live)
    await newcomer.is_up_to_date()

    assert watcher.told == [(late, 2), (early, 2)]
    assert sorted(newcomer.told) == sorted([(early, 1), (late, 2), (early, 2)])


async def test_in_a_busy_hour_everyone_is_told_every_state_they_end_with_once(database: Database, make_live: MakeLive) -> None:
    lives = [await make_live(), await make_live()]
    ids = await beds(database, 12)
    chance = random.Random(7)
    is_over = False

    async def writes() -> None:
        for _ in range(40):
            async with database.begin() as tx:
                # In one order, so that they wait for each other but never in a circle.
                for bed_id in sorted(chance.sample(ids, 3)):
                    await change(tx.connection, bed_id, region=chance.choice(["VR03", "VR04"]))
                    await asyncio.sleep(chance.random() / 500)

    async def watches(watcher: Watcher) -> None:
        while not is_over:
            await watcher.joins(chance.choice(lives))
            await asyncio.sleep(chance.random() / 10)
            await watcher.leaves()
        await watcher.joins(chance.choice(lives))
        await watcher.is_up_to_date()

    watchers = [Watcher() for _ in range(6)] + [Watcher("VR03") for _ in range(6)]
    watching = [asyncio.create_task(watches(watcher)) for watcher in watchers]
    await asyncio.gather(*(writes() for _ in range(6)))
    is_over = True
    await asyncio.gather(*watching)

    async with database.connection() as connection:
        rows = await connection.fetch("select bed_id, version, region from beds")
    for watcher in watchers:
        await eventually(lambda w=watcher: w.shown == {r["bed_id"]: r["version"] for r in rows if w.region in (None, r["region"])})
        for bed_id in ids:
            versions = [version for told, version in watcher.told if told == bed_id]
            assert versions == sorted(set(versions)), "told twice, or an older state after a newer one"
        assert not watcher.names("reset")


async def test_who_comes_back_is_told_on_any_process_only_what_changed(database: Database, make_live: MakeLive) -> None:
    stays, changes, closes, moves, elsewhere = await beds(database, 5)
    await changed(database, elsewhere, region="VR04")
    watcher = await Watcher("VR03").joins(await make_live())
    await watcher.is_up_to_date()
    await watcher.leaves()
    watcher.events.clear()

    await changed(database, changes)
    await changed(database, closes, status="CLOSED")
    await changed(database, moves, region="VR04")
    [appears] = await beds(database, 1)
    await watcher.joins(await make_live())
    await watcher.is_up_to_date()

    assert watcher.shown == {stays: 1, changes: 2, appears: 1}
    assert {item["id"] for item in watcher.names("message")} == {str(changes), str(appears)}
    assert {item["id"]: item["version"] for item in watcher.names("gone")} == {str(closes): 2, str(moves): 2}
    assert not watcher.names("reset")


async def test_who_comes_back_hears_nothing_of_what_is_not_theirs_to_know(database: Database, live: Live) -> None:
    [ours] = await beds(database, 1)
    [theirs] = await beds(database, 1, "VR04")
    watcher = await Watcher("VR03", own_only=True, status="FREE").joins(live)
    await watcher.is_up_to_date()
    await watcher.leaves()

    await changed(database, ours, theirs, status="TAKEN")
    await watcher.joins(live)
    await watcher.is_up_to_date()

    assert watcher.names("gone") == [{"id": str(ours), "version": 2}]
    assert str(theirs) not in str(watcher.events)


async def test_what_leaves_the_filter_is_gone_and_what_enters_it_appears(database: Database, live: Live) -> None:
    leaves, closes = await beds(database, 2)
    [enters] = await beds(database, 1, "VR04")
    watcher = await Watcher("VR03").joins(live)
    await watcher.is_up_to_date()

    await changed(database, leaves, region="VR04")
    await changed(database, closes, status="CLOSED")
    await changed(database, enters, region="VR03")
    await eventually(lambda: watcher.shown == {enters: 2})
    assert watcher.names("gone") == [{"id": str(leaves), "version": 2}, {"id": str(closes), "version": 2}]

    # Elsewhere it goes on changing, of which nobody here hears.
    await changed(database, leaves)
    await changed(database, leaves, region="VR03")
    await eventually(lambda: watcher.shown == {enters: 2, leaves: 4})
    assert len(watcher.names("gone")) == 2


@pytest.mark.parametrize(
    "last_id",
    [
        "",
        "nonsense",
        "0" * 32 + ":700:700:",
        "{epoch}",
        "{epoch}:",
        "{epoch}:9:8:",
        "{epoch}:700:700:x",
        "{epoch}:1:9:9",
        "{epoch}:2:9:1",
        "{epoch}:1:9:4,4",
        "{epoch}:1:9:5,4",
        "{epoch}:1:99999999999999999999:",
        "{epoch}:-1:9:",
        "{epoch}:\u0661:9:",
        "{epoch}:0:9:",
    ],
)
async def test_an_id_that_is_none_of_ours_begins_anew(database: Database, live: Live, last_id: str) -> None:
    [bed] = await beds(database, 1)
    watcher = await Watcher().joins(live)
    await watcher.is_up_to_date()
    assert watcher.last_id is not None
    stranger = Watcher()
    stranger.last_id = last_id.format(epoch=watcher.last_id.split(":")[0])
    await stranger.joins(live)
    await stranger.is_up_to_date()

    assert stranger.events[0] == ("reset", {})
    assert stranger.shown == {bed: 1}


async def test_a_copy_of_the_database_is_another_one(database: Database, make_live: MakeLive) -> None:
    [bed] = await beds(database, 1)
    watcher = await Watcher().joins(await make_live())
    await watcher.is_up_to_date()
    await watcher.leaves()
    async with database.begin() as tx:
        # A dump carries the epoch along, but under the name of the database that it was taken from.
        await tx.connection.execute("update live_epochs set database = 'where it was taken'")

    await watcher.joins(await make_live())
    await watcher.is_up_to_date()

    assert len(watcher.names("reset")) == 1
    assert watcher.shown == {bed: 1}


async def test_rows_of_a_restored_dump_from_a_busier_server_are_not_told_over_and_over(database: Database, live: Live) -> None:
    bed, other = await beds(database, 2)
    async with database.begin() as tx:
        await tx.connection.execute("alter table beds disable trigger live_stamp")
        await tx.connection.execute("update beds set changed_xid = '999999999' where bed_id = $1", bed)
        await tx.connection.execute("alter table beds enable trigger live_stamp")
    watcher = await Watcher().joins(live)
    await watcher.is_up_to_date()
    await changed(database, other)
    await eventually(lambda: watcher.shown == {bed: 1, other: 2})
    await changed(database, bed)
    await eventually(lambda: watcher.shown == {bed: 2, other: 2})

    assert [version for told, version in watcher.told if told == bed] == [1, 2]


async def test_a_follower_whose_connection_is_cut_goes_on(database: Database, live: Live) -> None:
    [bed] = await beds(database, 1)
    watcher = await Watcher().joins(live)
    await watcher.is_up_to_date()

    async with database.begin() as tx:
        assert await tx.connection.fetchval(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        )
        await change(tx.connection, bed)

    await eventually(lambda: watcher.shown == {bed: 2})
    assert watcher.told == [(bed, 1), (bed, 2)]
    assert not watcher.is_ended


async def test_a_lost_notification_costs_a_second_and_no_change(database: Database, live: Live) -> None:
    [bed] = await beds(database, 1)
    watcher = await Watcher().joins(live)
    await watcher.is_up_to_date()
    async with database.begin() as tx:
        await tx.connection.execute("alter table beds disable trigger live_notify")

    await changed(database, bed)

    await eventually(lambda: watcher.shown == {bed: 2}, timeout=3)


@asynccontextmanager
async def a_live_list(database: Database) -> AsyncIterator[Live]:
    async with Live(database, channel=CHANNEL, rows=ROWS, tick_seconds=0.1).running() as live:
        yield live


async def test_over_a_restart_of_the_server_streams_go_on_and_after_a_crash_they_begin_anew(own_postgres: OwnPostgres) -> None:
    server = await own_postgres()
    await create_schema(server.url)
    database = Database(server.url)
    await database.open()
    [bed] = await beds(database, 1)
    async with a_live_list(database) as live:
        watcher = await Watcher().joins(live)
        await watcher.is_up_to_date()

        await server.stop()
        with pytest.raises(Unavailable):
            await Watcher().joins(live)
        await watcher.is_up_to_date()
        await server.start()
        await changed(database, bed)
        await eventually(lambda: watcher.shown == {bed: 2})
        assert not watcher.is_ended
        assert not watcher.names("reset")

        server.kill()
        await server.process.exited(10)
        await server.start()
        await changed(database, bed)
        await eventually(lambda: watcher.is_ended)
        await watcher.joins(live)
        await watcher.is_up_to_date()
        assert len(watcher.names("reset")) == 1
        assert watcher.shown == {bed: 3}
        await changed(database, bed)
        await eventually(lambda: watcher.shown == {bed: 4})
    await eventually(lambda: watcher.is_ended)
    await database.close()


async def test_who_takes_nothing_costs_one_picture_and_then_sees_the_newest(database: Database, live: Live) -> None:
    ids = await beds(database, 5)
    watcher = await Watcher().joins(live)
    stalled = await live.join(None, Watcher().watched)
    assert b"tick" not in await anext(stalled)
    for _ in range(30):
        await changed(database, *ids)
    await eventually(lambda: watcher.shown == dict.fromkeys(ids, 31))

    chunk = (await anext(stalled)).decode()

    assert chunk.count('"version":31') == chunk.count('"version"') == len(ids)


async def test_a_long_list_comes_in_pieces_and_only_its_end_has_an_id(database: Database, live: Live) -> None:
    ids = await beds(database, 450)
    stream = await live.join(None, Watcher().watched)

    pieces = [await anext(stream) for _ in range(4)]

    assert [piece.count(b'"version":1') for piece in pieces] == [200, 200, 50, 0]
    assert [b"id: " in piece for piece in pieces] == [False, False, False, True]
    assert all(str(bed).encode() in b"".join(pieces) for bed in ids)


async def test_who_has_left_is_forgotten_also_without_a_word(database: Database, live: Live) -> None:
    await beds(database, 1)
    watcher = await Watcher().joins(live)
    stream = await live.join(None, Watcher().watched)
    assert len(live._readers) == 2

    await watcher.leaves()
    # An answer whose request ended before a byte of it was written.
    del stream

    assert len(live._readers) == 0


async def test_while_nobody_follows_one_is_sent_away_and_a_follower_that_fails_takes_its_readers_along(database: Database) -> None:
    with pytest.raises(Unavailable):
        await Live(database, channel=CHANNEL, rows=ROWS).join(None, Watcher().watched)
    async with a_live_list(database) as live:
        watcher = await Watcher().joins(live)
        async with database.begin() as tx:
            await tx.connection.execute("alter table beds rename column region to vr")
        await eventually(lambda: watcher.is_ended)


XIDS = st.integers(1, 2**62)


@given(still_open=st.sets(XIDS, max_size=5), below=XIDS)
def test_a_position_is_read_back_as_it_was_written(still_open: set[int], below: int) -> None:
    ascending = tuple(sorted(xid for xid in still_open if xid < below))
    position = LivePosition(uuid4(), min(ascending, default=below), below, ascending)

    assert LivePosition.parse(str(position)) == position
    assert not any(position.sees(xid) for xid in (*ascending, below))


@given(text=st.text(max_size=40) | st.from_regex(r"[0-9a-f]{32}:[0-9]{1,3}:[0-9]{1,3}:[0-9,]{0,9}", fullmatch=True))
def test_no_id_that_somebody_makes_up_reaches_the_database_out_of_order(text: str) -> None:
    position = LivePosition.parse(text)

    if position is not None:
        open_ones = position.still_open
        assert 0 < position.oldest_open <= position.below
        assert list(open_ones) == sorted(set(open_ones))
        assert all(position.oldest_open <= xid < position.below for xid in open_ones)


async def test_a_crowd_that_comes_back_at_once_is_let_in_and_leaves_room_for_others(schema_database: SchemaDatabase) -> None:
    database = Database(await schema_database("beds", create_schema), pool_size=4)
    await database.open()
    ids = await beds(database, 50)
    async with a_live_list(database) as live:
        crowd = [Watcher() for _ in range(100)]
        coming = asyncio.gather(*(watcher.joins(live) for watcher in crowd))
        busiest = 0
        while not coming.done():
            busiest = max(busiest, sum(holder._in_use is not None for holder in database._pool._holders))  # type: ignore[union-attr]  # it is open
            await asyncio.sleep(0)
        await coming
        await changed(database, *ids)
        for watcher in crowd:
            await eventually(lambda w=watcher: w.shown == dict.fromkeys(ids, 2))
    assert busiest <= 2
    await database.close()


async def test_an_id_never_goes_back(database: Database, live: Live) -> None:
    await beds(database, 1)
    stream = await live.join(None, Watcher().watched)
    position = LivePosition.parse(_id_of([await anext(stream), await anext(stream)][-1]))
    assert position is not None
    older = LivePosition(position.epoch, position.oldest_open - 1, position.below - 1, ())

    # What the follower read before the reader's own first read may be handed over after it.
    stream.put([], older)  # type: ignore[attr-defined] # as the follower does

    assert LivePosition.parse(_id_of(await anext(stream))) == position


def _id_of(chunk: bytes) -> str:
    return chunk.decode().rpartition("\nid: ")[2].partition("\n")[0]
