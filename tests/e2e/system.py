"""The running system: the real processes on real servers, supervised, broken on purpose, and held to a recount from what went in."""

import asyncio
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from chassis.kafka.topics import create_topics
from chassis.security.keys import Issuer, ensure_keys
from chassis.settings import ServiceSettings
from chassis.testing.databases import Databases, migrate
from chassis.testing.processes import Processes, ServiceProcess
from chassis.testing.waiting import eventually

from .kafka_log import KafkaLog, Seen, faults_in_order, last_of_each_key
from .running import Running, assert_same, compared

BEDS = ("capacity", "reporting")
PATIENTS = ("triage", "placement")
READS = {
    "capacity": ("capacity.reports.v1", "placement.holds.v1"),
    "reporting": (
        "capacity.units.v1",
        "capacity.observations.v1",
        "capacity.flows.v1",
        "placement.holds.v1",
        "placement.placements.v1",
    ),
    "placement": ("triage.cases.v1", "capacity.units.v1"),
    "triage": ("placement.placements.v1",),
}
OWNED = (
    "capacity.units.v1",
    "capacity.observations.v1",
    "capacity.flows.v1",
    "capacity.parked.v1",
    "reporting.national.v1",
    "reporting.parked.v1",
)
PARTITIONS = 4
# Short, so that a killed worker's partitions are taken over soon; longer than the 4 s after which the database gives up on a silent one.
SESSION_TIMEOUT_SECONDS = 6
CLOCKS_DIFFER_AT_MOST = timedelta(seconds=5)

# What an operator would start. Capacity's relay is a process of its own, reporting's runs inside its worker, so that both ways are tried.
API = "api"
CAPACITY_WORKER = "capacity worker --no-relay"
CAPACITY_RELAY = "capacity relay"
REPORTING_WORKER = "reporting worker"
WORKERS = {
    "capacity": (CAPACITY_WORKER, CAPACITY_RELAY),
    "reporting": (REPORTING_WORKER,),
    "triage": ("triage worker",),
    "placement": ("placement worker",),
}


@dataclass(frozen=True)
class Servers:
    """Where Kafka is, and the services' own databases."""

    bootstrap_servers: str
    database_urls: Mapping[str, str]


@asynccontextmanager
async def prepared(bootstrap_servers: str, databases: Databases, namespace: str, services: Sequence[str] = BEDS) -> AsyncIterator[Servers]:
    """Topics in a namespace and a migrated database for each service; the databases are dropped afterwards."""
    urls: dict[str, str] = {}
    await create_topics(ServiceSettings(kafka_bootstrap_servers=bootstrap_servers, namespace=namespace), partitions=PARTITIONS)
    try:
        for service in services:
            urls[service] = await databases.clone(service, partial(migrate, service))
        yield Servers(bootstrap_servers, urls)
    finally:
        for url in urls.values():
            # A test may leave the server dead; then it takes its databases along.
            with suppress(OSError):
                await databases.drop(url)


class System(Running):
    """All processes of one namespace, with a supervisor that restarts what ends, as `make run` and containers have one."""

    def __init__(self, servers: Servers, namespace: str, folder: Path) -> None:
        self.servers = servers
        self.services = tuple(servers.database_urls)
        self.api_services = self.services
        """What the API process serves when it is started."""
        self.namespace = namespace
        self.log = KafkaLog(servers.bootstrap_servers, namespace)
        self.poisoned: set[tuple[str, int, int]] = set()
        """Topic, partition and offset of what a test put there that no owner would."""
        self.broken_events: set[str] = set()
        """Ids of events that a test published in the owner's name, with bodies that cannot be read."""
        self.ended: list[str] = []
        """What ended by itself and was started again."""
        self._folder = folder
        self._processes = Processes(folder / "logs")
        self._running: dict[str, ServiceProcess] = {}
        self._supervisor: asyncio.Task[None] | None = None
        self._port = _free_port()
        super().__init__(f"http://127.0.0.1:{self._port}", Issuer(ensure_keys(folder / "keys"), "urn:nl:zorgcoordinatie:local", "schakel"))

    # -- Starting and stopping -------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        await self.log.open()
        self.start(API)
        for service in self.services:
            for name in WORKERS[service]:
                self.start(name)
        self._supervisor = asyncio.create_task(self._supervise())
        await self.is_up()
        await self.register_wards()

    async def close(self) -> None:
        if self._supervisor is not None:
            self._supervisor.cancel()
            with suppress(asyncio.CancelledError):
                await self._supervisor
        await self._processes.end_all()
        await self.client.aclose()
        await self.log.close()

    def start(self, name: str, *, instance: str = "1") -> ServiceProcess:
        """Start a process and keep it running; a second instance has a name of its own."""
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": self.servers.bootstrap_servers,
            "NAMESPACE": self.namespace,
            "KEYS_DIR": str(self._folder / "keys"),
            "SESSION_TIMEOUT_SECONDS": str(SESSION_TIMEOUT_SECONDS),
            "INSTANCE": instance,
            **self._database_settings(name),
        }
        slot = name if instance == "1" else f"{name} #{instance}"
        if name == API:
            process = self._processes.start("chassis", "serve", *self.api_services, "--port", str(self._port), env=environment)
        else:
            service, *arguments = name.split()
            process = self._processes.start(service, *arguments, env=environment)
        self._running[slot] = process
        return process

    @property
    def folder(self) -> Path:
        """Where the logs of all processes are, those that were killed included, and nothing but the keys beside them."""
        return self._folder

    @property
    def slots(self) -> set[str]:
        """What is kept running."""
        return set(self._running)

    def process(self, slot: str) -> ServiceProcess:
        return self._running[slot]

    def take_back(self, slot: str, process: ServiceProcess) -> None:
        """Keep this one running again."""
        self._running[slot] = process

    def leave(self, slot: str) -> ServiceProcess:
        """No longer restart this one; the test decides about it."""
        return self._running.pop(slot)

    async def kill9(self, *slots: str) -> None:
        """Kill these at the same moment, for good."""
        processes = [self.leave(slot) for slot in slots]
        for process in processes:
            process.kill9()
        for process in processes:
            await process.wait_exit()

    async def run(self, service: str, *arguments: str, within_seconds: float = 60) -> tuple[int, str]:
        """Run a command of a service to its end; gives its exit code and what it printed."""
        command = await asyncio.create_subprocess_exec(
            "/usr/bin/env",
            *(f"{name}={value}" for name, value in self._command_environment(service).items()),
            sys.executable,
            "-m",
            service,
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, _ = await asyncio.wait_for(command.communicate(), within_seconds)
        assert command.returncode is not None
        return command.returncode, output.decode()

    async def _supervise(self) -> None:
        failures: Counter[str] = Counter()
        started_at: dict[str, float] = {}
        restart_at: dict[str, float] = {}
        while True:
            now = time.monotonic()
            for slot, process in list(self._running.items()):
                if process.is_running:
                    if now - started_at.get(slot, now) > SESSION_TIMEOUT_SECONDS:
                        failures[slot] = 0
                elif slot not in restart_at:
                    self.ended.append(slot)
                    restart_at[slot] = now + min(5.0, 0.5 * 2 ** failures[slot])
                    failures[slot] += 1
                elif now >= restart_at[slot]:
                    del restart_at[slot]
                    started_at[slot] = now
                    name, _, instance = slot.partition(" #")
                    self.start(name, instance=instance or "1")
            await asyncio.sleep(0.1)

    def _database_settings(self, name: str) -> dict[str, str]:
        if name == API:
            return {f"{service.upper()}_DATABASE_URL": url for service, url in self.servers.database_urls.items()}
        return {"DATABASE_URL": self.servers.database_urls[name.split(maxsplit=1)[0]]}

    def _command_environment(self, service: str) -> dict[str, str]:
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.servers.bootstrap_servers,
            "NAMESPACE": self.namespace,
            "DATABASE_URL": self.servers.database_urls[service],
        }

    # -- Looking at it ---------------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def database(self, service: str) -> AsyncIterator[asyncpg.Connection]:
        """A connection to a service's database, to see what it has stored and to hold its locks against it."""
        connection = await asyncpg.connect(self.servers.database_urls[service], timeout=10)
        try:
            yield connection
        finally:
            connection.terminate()

    async def rows(self, service: str, query: str) -> list[dict[str, Any]]:
        async with self.database(service) as connection:
            return [dict(row) for row in await connection.fetch(query)]

    async def records(self, topic: str) -> list[Seen]:
        return await self.log.records(topic)

    async def published(self) -> dict[str, dict[str, Any]]:
        """The last value of every figure on the topic."""
        records = await self.owned_records("reporting.national.v1")
        return {key: compared(seen.json) for key, seen in last_of_each_key(records).items() if key.startswith("beds/")}

    async def owned_records(self, topic: str) -> list[Seen]:
        """What the topic's owner put there."""
        return [seen for seen in await self.log.records(topic) if (topic, seen.partition, seen.offset) not in self.poisoned]

    async def behind(self, reader: str) -> dict[tuple[str, int], tuple[int | None, int]]:
        """The partitions where the reader's committed offset is not yet the end: what is committed, and the end."""
        ends, committed = await self.log.ends(READS[reader]), await self.log.committed(reader)
        return {address: (committed.get(address), end) for address, end in ends.items() if committed.get(address) != end}

    async def stored_ahead_of_committed(self, reader: str) -> dict[tuple[str, int], tuple[int, int]]:
        """The partitions where the database knows more than the group has committed: the stored and the committed next offset."""
        async with self.database(reader) as connection:
            stored = await connection.fetch("select topic, partition, next_offset from reader_positions where reader = $1", reader)
        committed = await self.log.committed(reader)
        return {
            (row["topic"], row["partition"]): (row["next_offset"], committed.get((row["topic"], row["partition"]), 0))
            for row in stored
            if row["next_offset"] > committed.get((row["topic"], row["partition"]), 0)
        }

    async def committed_ahead_of_stored(self, reader: str) -> dict[tuple[str, int], tuple[int, int]]:
        """The partitions where the group has committed what the database does not know: the committed and the stored next offset."""
        committed = await self.log.committed(reader)
        async with self.database(reader) as connection:
            rows = await connection.fetch("select topic, partition, next_offset from reader_positions where reader = $1", reader)
        stored = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        return {address: (offset, stored.get(address, 0)) for address, offset in committed.items() if offset > stored.get(address, 0)}

    async def unsent(self, service: str) -> int:
        async with self.database(service) as connection:
            # Heartbeats never end.
            count = await connection.fetchval(
                "select count(*) from outbox where published_at is null and aggregateid not like 'heartbeat/%'"
            )
        return int(count)

    async def settled(self, timeout: float = 120) -> None:  # noqa: ASYNC109 - as the other waits of the test fixtures
        """Wait until everything that was accepted has gone all the way: nothing unsent, every offset committed, nothing left to publish."""
        await eventually(self._assert_settled, timeout=timeout, every=0.25, what="everything to have gone through")

    async def _assert_settled(self) -> bool:
        # In the order of the way: what a stage has done, the next one may still have before it.
        for service in self.services:
            assert_same(await self.behind(service), {})
            if service == "reporting":
                async with self.database(service) as connection:
                    assert_same(await connection.fetchval("select (select count(*) from dirty) + (select count(*) from dirty_days)"), 0)
            assert_same(await self.unsent(service), 0)
        return True

    async def assert_nothing_lost_and_nothing_twice(self, *, timeout: float = 120) -> None:  # noqa: ASYNC109 - as above
        """Everything that was accepted counts once, everywhere one can look."""
        await self.settled(timeout)
        await eventually(self.assert_national, timeout=10, every=0.2, what="the national figures to equal the recount")
        recount = asyncio.create_task(self.run("reporting", "recount"))
        await self._assert_topics()
        await eventually(self.assert_feed, timeout=10, every=0.3, what="the feed to equal the recount")
        assert_same(await recount, (0, "equal\n"))
        for reader in self.services:
            assert_same(await self.behind(reader), {})

    async def assert_national(self) -> bool:
        assert_same(await self.national(), self.oracle.national(datetime.now(UTC)))
        return True

    async def _assert_topics(self) -> None:
        for topic in OWNED:
            assert_same((topic, faults_in_order(await self.owned_records(topic))), (topic, []))
        assert_same(await self.published(), self.oracle.national(datetime.now(UTC)))
        observed = {
            seen.id: seen.json for seen in await self.owned_records("capacity.observations.v1") if seen.id not in self.broken_events
        }
        facts = Counter((UUID(said["report_id"]), said["revision"]) for said in observed.values())
        assert_same(facts, Counter(self.oracle.reports.keys()))
        flows = {seen.id: seen.json for seen in await self.owned_records("capacity.flows.v1")}
        assert_same(Counter(UUID(flow["flow_id"]) for flow in flows.values()), Counter(self.oracle.admissions.keys()))

    async def assert_feed(self) -> bool:
        days = self.oracle.days()
        if days:
            said = await self.feed(days[0].isoformat(), days[-1].isoformat())
            expected = {f"{day.day}-{day.month}-{day.year}": self.oracle.feed(day) for day in days}
            assert_same({day: said[day] for day in expected}, expected)
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
