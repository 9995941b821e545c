"""A backup is worth what a restore has shown: the scripts on a real server, the commands of all four services, and everybody agrees again."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest_asyncio

from chassis.testing.databases import Databases
from chassis.testing.servers import TEST_BROKER_SETTINGS, temporary_folder
from chassis.testing.waiting import eventually
from embedded.kafka import Kafka
from embedded.postgres import Postgres
from embedded.postgres_binaries import Binaries, choose

from .conftest import running_system
from .kafka_log import faults_in_order, last_of_each_key
from .patients import region
from .system import API, BEDS, PATIENTS, WORKERS, System

SCRIPTS = Path(__file__).parents[2] / "deploy" / "backup"
SERVICES = (*BEDS, *PATIENTS)


@dataclass(frozen=True)
class Server:
    """A PostgreSQL that is backed up by the scripts of the deployment."""

    postgres: Postgres
    binaries: Binaries
    folder: Path

    @property
    def archive_full(self) -> Path:
        """While this is there, the server cannot hand over its log."""
        return self.folder / "full"

    def script(self, name: str, *arguments: str) -> str:
        """Run a script as the server's own user, as in its container."""
        address = self.postgres.url.rpartition("@")[2].partition("/")[0]
        environment = {
            "PATH": f"{self.binaries.folder}:{os.environ['PATH']}",
            "BACKUPS": str(self.folder / "backups"),
            "PGDATA": str(self.folder / "data"),
            "PGHOST": address.partition(":")[0],
            "PGPORT": address.partition(":")[2],
            "PGUSER": "postgres",
            "PGPASSWORD": (self.folder / "password").read_text(),
        }
        command = [*self.binaries._as_user(), "sh", str(SCRIPTS / name), *arguments]
        done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    async def restore(self, moment: datetime) -> None:
        """The server as it was."""
        await self.postgres.stop()
        self.script("restore", moment.isoformat())
        await self.postgres.start()


@dataclass(frozen=True)
class Kept:
    """A system on such a server."""

    system: System
    server: Server


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    with temporary_folder() as folder:
        binaries = choose(folder, None)
        (folder / "backups").mkdir()
        binaries.hand_over(folder / "backups")
        archive = f"test ! -e {folder / 'full'} && sh {SCRIPTS / 'archive-wal'} %p %f {folder / 'backups'}"
        postgres = Postgres(folder, settings={"archive_mode": "on", "archive_command": archive, "hot_standby": "off"})
        try:
            await postgres.start()
            yield Server(postgres, binaries, folder)
        finally:
            await postgres.stop()


@pytest_asyncio.fixture
async def kept(server: Server) -> AsyncIterator[Kept]:
    with temporary_folder() as kafka_folder:
        kafka = Kafka(kafka_folder, settings=TEST_BROKER_SETTINGS)
        try:
            await kafka.start()
            async with running_system(kafka.bootstrap_servers, Databases(server.postgres.url), SERVICES) as running:
                yield Kept(running, server)
        finally:
            await kafka.stop()


async def test_after_a_restore_to_an_earlier_point_everybody_agrees_and_no_place_is_given_twice(kept: Kept) -> None:
    system = kept.system
    async with region(system) as people:
        kept_up, promised, asked, declined = [
            await people.unit(f"zorg-{name}", "ELV_LAAG", places=3) for name in ("kept-up", "promised", "asked", "declined")
        ]
        await people.known([kept_up, promised, asked, declined])
        waiting, early = await people.patient("ELV_LAAG"), await people.patient("ELV_LAAG")
        [refused] = await people.offer(early, [declined])
        await system.settled()
        kept.server.script("base-backup")
        # What lies between the copy and the moment is in the log alone.
        await people.report(kept_up, places=3, occupied=1)
        await system.settled()
        moment = await _now(system)

        await people.report(kept_up, places=3, occupied=2)
        await people.decline(refused)
        newcomer = await people.unit("zorg-newcomer", "ELV_LAAG", places=9)
        late = await people.patient("ELV_LAAG")
        [accepted] = await people.offer(late, [promised])
        assert (await people.accept(accepted)).status_code == 200
        [unanswered] = await people.offer(waiting, [asked])
        await system.settled()

        said = await _restore(kept, moment)

        # What the services told of it comes back; what only people know is on their lists.
        assert str(newcomer.unit_id) in said["capacity"]
        assert str(late.case_id) in said["triage"]
        assert str(waiting.case_id) not in said["triage"]
        await people.board_says(kept_up, free=1, held=0, available=1)
        await people.board_says(promised, free=3, held=1, available=2)
        await people.board_says(asked, free=3, held=0, available=3)
        await people.board_says(declined, free=3, held=0, available=3)
        await people.national_says(kept_up, free=10, held=1, available=9)
        assert [await people.status(offer) for offer in (accepted, refused, unanswered)] == ["ACCEPTED", "DECLINED", None]
        assert (await people.client("admin").get(f"/capacity/v1/units/{newcomer.unit_id}")).status_code == 404
        await _agree(system)

        # And it goes on. What was promised is not given to others.
        others = [await people.patient("ELV_LAAG") for _ in range(3)]
        assert [await people.offered(case, promised) for case in others] == [201, 201, 409]
        [again] = await people.offer(waiting, [asked])
        assert (await people.accept(again)).status_code == 200
        await people.report(kept_up, places=3, occupied=3)
        await people.board_says(kept_up, free=0, held=0, available=0)
        await system.settled()
        await _agree(system)
        await _assert_topics(system)


async def test_whoever_restored_to_the_wrong_moment_restores_once_more_to_an_earlier_or_a_later_one(server: Server) -> None:
    server.script("base-backup")
    early = await _say(server, 1)
    await _say(server, 2)
    server.script("base-backup")
    late = await _say(server, 3)
    await _say(server, 4)

    await server.restore(early)
    assert await _said(server) == [1]
    # What was taken away is in the log still, and so is what was said instead. The newest base backup is of what was taken away.
    instead = await _say(server, 5)
    await _say(server, 6)
    await server.restore(late)
    assert await _said(server) == [1, 2, 3]
    await server.restore(instead)
    assert await _said(server) == [1, 5]
    await server.restore(early)
    assert await _said(server) == [1]


async def test_whoever_lost_the_disk_gets_all_that_was_handed_over(server: Server) -> None:
    server.script("base-backup")
    await _say(server, 1)
    await _say(server, 2)
    await server.postgres.stop()
    data = server.folder / "data"
    shutil.rmtree(data)
    data.mkdir()
    server.binaries.hand_over(data)
    server.script("restore", "latest")
    await server.postgres.start()
    assert await _said(server) == [1, 2]


async def test_whoever_restores_again_at_once_finds_all_that_was_replaced(server: Server) -> None:
    server.script("base-backup")
    early = await _say(server, 1)
    late = await _say(server, 2)
    await _say(server, 3)
    await server.postgres.stop()
    for _ in range(3):
        server.script("restore", early.isoformat())
    await server.postgres.start()
    assert await _said(server) == [1]
    assert len(list((server.folder / "backups").glob("replaced-*"))) == 3
    await server.restore(late)
    assert await _said(server) == [1, 2]


async def test_a_restore_follows_the_log_as_it_was_written_however_late_it_was_handed_over(server: Server) -> None:
    server.script("base-backup")
    early = await _say(server, 1)
    await _say(server, 2)
    await server.postgres.stop()
    server.script("restore", early.isoformat())
    server.archive_full.touch()
    await server.postgres.start()
    instead = await _say(server, 3)
    await _say(server, 4)
    server.archive_full.unlink()
    await server.restore(instead)
    assert await _said(server) == [1, 3]


async def _restore(kept: Kept, moment: datetime) -> dict[str, str]:
    """As docs/backup.md has it; gives what each service's command said."""
    system = kept.system
    stopping = [system.leave(slot) for slot in list(system.slots)]
    for process in stopping:
        process.terminate()
    for process in stopping:
        await process.wait_exit()
    await kept.server.restore(moment)

    # Whoever starts too early can do no harm.
    system.start(API)
    await system.is_up()
    assert (await system.client.get("/capacity/v1/board")).status_code == 503
    answers = await asyncio.gather(*(system.run(service, "restored", within_seconds=120) for service in SERVICES))
    said = {}
    for service, (code, text) in zip(SERVICES, answers, strict=True):
        assert code == 0, text
        assert f"{service} was restored to {moment.date()}" in text
        assert "goes on in generation 2" in text
        said[service] = text
    for service in SERVICES:
        for name in WORKERS[service]:
            system.start(name)
    for service in SERVICES:
        await eventually(partial(system.is_ready, service), timeout=60, every=0.1, what=f"{service} to be ready")
    await system.settled()
    return said


async def _agree(system: System) -> None:
    """Whoever keeps the same thing keeps the same of it."""
    counted, (code, found) = await asyncio.gather(system.run("reporting", "recount"), system.run("placement", "audit"))
    assert counted == (0, "equal\n")
    assert code == 0, found
    async with (
        system.database("capacity") as capacity,
        system.database("placement") as placement,
        system.database("reporting") as reporting,
    ):
        units = {row["unit_id"]: row["free"] for row in await capacity.fetch("select unit_id, free from units")}
        # Placement keeps a unit that is gone, with figures that nobody knows.
        known = {unit_id: free for unit_id, free in units.items() if free is not None}
        assert known == {
            row["unit_id"]: row["free"] for row in await placement.fetch("select unit_id, free from units where free is not null")
        }
        assert units == {row["unit_id"]: row["free"] for row in await reporting.fetch("select unit_id, free from contributions")}
        holding = "status in ('OFFERED', 'ACCEPTED', 'UNDERWAY', 'ADMITTED')"
        held = {
            row["unit_id"]: row["held"]
            for row in await placement.fetch(f"select unit_id, count(*) as held from offers where {holding} group by 1")
        }
        for database, column in ((capacity, "hold_ids"), (reporting, "holds")):
            rows = await database.fetch(f"select unit_id, cardinality({column}) as held from unit_holds where cardinality({column}) > 0")
            assert held == {row["unit_id"]: row["held"] for row in rows}
    on_topic = last_of_each_key(await system.log.records("capacity.units.v1"))
    assert {UUID(key) for key, seen in on_topic.items() if seen.body} == set(units)
    published = await system.published()
    assert published == await system.national()


async def _assert_topics(system: System) -> None:
    assert system.ended == [], "something ended that nobody stopped"
    for topic in ("capacity.units.v1", "capacity.observations.v1", "placement.holds.v1", "placement.placements.v1", "triage.cases.v1"):
        assert faults_in_order(await system.log.records(topic)) == [], topic
    facts = [seen.json["report_id"] for seen in await system.log.records("capacity.observations.v1")]
    assert len(facts) == len(set(facts)), "a report was told twice"


async def _say(server: Server, nth: int) -> datetime:
    """Write it down; gives the moment after that."""
    connection = await asyncpg.connect(server.postgres.url)
    try:
        await connection.execute("create table if not exists said (nth int)")
        await connection.execute("insert into said values ($1)", nth)
        moment: datetime = await connection.fetchval("select clock_timestamp()")
    finally:
        await connection.close()
    return moment


async def _said(server: Server) -> list[int]:
    connection = await asyncpg.connect(server.postgres.url)
    try:
        return [row["nth"] for row in await connection.fetch("select nth from said order by nth")]
    finally:
        await connection.close()


async def _now(system: System) -> datetime:
    async with system.database("capacity") as connection:
        now: datetime = await connection.fetchval("select clock_timestamp()")
    return now
