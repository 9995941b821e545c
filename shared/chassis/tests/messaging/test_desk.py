"""The desk: what only one process may do at a time is done by one, and by another one when that one is gone."""

import asyncio

import probe
import pytest
from playground import Playground

from chassis.database.sql import Database
from chassis.errors import MustStop
from chassis.settings import ServiceSettings
from chassis.testing.waiting import eventually
from chassis.worker.desk import Desk, beating, every

NOBODY = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())"


class Work:
    """A duty that says how often it was done."""

    def __init__(self) -> None:
        self.done = 0

    async def __call__(self) -> None:
        self.done += 1


async def test_one_at_a_time_does_the_duties_and_another_when_its_session_ends(database_url: str, database: Database) -> None:
    works = [Work(), Work()]
    desks = [asyncio.create_task(Desk(probe.NAME, database_url, {"work": every(0.01, work)}).run()) for work in works]
    await eventually(lambda: works[0].done + works[1].done > 20)
    first, second = (0, 1) if works[0].done else (1, 0)
    assert works[second].done == 0

    async with database.connection() as connection:
        await connection.execute(NOBODY)

    await eventually(lambda: works[second].done > 20)
    await eventually(desks[first].done)
    assert desks[first].exception() is not None, "its process ends"
    before = works[first].done
    await eventually(lambda: works[second].done > 40)
    assert works[first].done == before
    desks[second].cancel()
    await asyncio.gather(*desks, return_exceptions=True)


async def test_a_duty_that_ends_ends_the_process(database_url: str) -> None:
    async def gives_up(_: asyncio.Event) -> None:
        return

    with pytest.raises(MustStop, match="the duty beat has ended"):
        await asyncio.wait_for(Desk(probe.NAME, database_url, {"beat": gives_up}).run(), 10)


async def test_duties_are_woken_by_notifications(database_url: str, database: Database) -> None:
    is_woken = asyncio.Event()

    async def waits(woken: asyncio.Event) -> None:
        is_begun.set()
        await woken.wait()
        is_woken.set()
        await asyncio.Event().wait()

    is_begun = asyncio.Event()
    desk = asyncio.create_task(Desk(probe.NAME, database_url, {"waits": waits}, channel="touched").run())
    await asyncio.wait_for(is_begun.wait(), 10)
    async with database.connection() as connection:
        await connection.execute("select pg_notify('touched', '')")
    await asyncio.wait_for(is_woken.wait(), 10)
    desk.cancel()
    await asyncio.gather(desk, return_exceptions=True)


@pytest.mark.usefixtures("probe_topics")
async def test_every_partition_gets_a_heartbeat_that_went_all_the_way(
    playground: Playground, settings: ServiceSettings, database: Database
) -> None:
    duty = beating(settings, database, probe.EVENTS, lambda partition, at: probe.ProbeEvent(name=f"heartbeat/{partition}", n=at.year))
    task = asyncio.ensure_future(duty(asyncio.Event()))
    async with playground.relaying():

        async def has_all() -> bool:
            return {(record.partition, record.key) for record in await playground.log(probe.EVENTS)} == {
                (0, b"heartbeat/0"),
                (1, b"heartbeat/1"),
            }

        await eventually(has_all)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
