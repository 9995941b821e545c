"""The whole system on one machine: servers, databases, services, simulator, in the order in which they need each other."""

import asyncio
import http.client
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from embedded.errors import CannotStartError
from embedded.kafka import Kafka, broker_answers
from embedded.ports import is_free
from embedded.postgres import Postgres
from embedded.process import Process, Program, last_lines
from embedded.run_folder import RunFolder
from embedded.service_databases import create_databases
from embedded.settings import Settings
from embedded.supervisor import Service, Supervisor
from embedded.terminal import Terminal

SERVICES = ("capacity", "reporting", "placement", "triage")

# What is of a higher stage leans on what is below it.
_SERVERS, _SERVICES, _SIMULATOR = 1, 2, 3

_COMMAND_LIMIT_SECONDS = 120.0
_READY_LIMIT_SECONDS = 90.0
_TOO_MANY_RESTARTS = 5
# A worker that is still joining its group does not hear SIGTERM; its events are redelivered.
_STOP_LIMIT_SECONDS = 10.0


@dataclass(frozen=True)
class Addresses:
    bootstrap_servers: str
    database_urls: Mapping[str, str]


class Stack:
    """One start of the system; ``supervisor.stop()`` ends it."""

    def __init__(self, settings: Settings, folder: RunFolder, supervisor: Supervisor, terminal: Terminal) -> None:
        self._settings = settings
        self._folder = folder
        self._supervisor = supervisor
        self._terminal = terminal
        self.bootstrap_servers = settings.kafka_bootstrap_servers
        """Where Kafka listens; empty until our own has started."""

    async def start(self) -> None:
        """Bring everything up, as far as all services being ready and the simulated day running.

        Raises:
            CannotStartError: in one line, what is missing or in the way; what was started so far still runs.
        """
        if not is_free(self._settings.port):
            raise CannotStartError(f"Port {self._settings.port} is taken: stop what listens there, or choose another one with PORT=…")
        async with _side_by_side() as servers:
            kafka = servers.create_task(self._kafka())
            postgres = servers.create_task(self._postgres())
        with self._terminal.step("Databases, topics, keys"):
            urls = await create_databases(postgres.result(), SERVICES, namespace=self._settings.namespace, passwords=self._folder.secrets)
            addresses = Addresses(kafka.result(), urls)
            async with _side_by_side() as commands:
                commands.create_task(self._done(self._program("migrate", ("chassis", "migrate", *SERVICES), addresses)))
                commands.create_task(self._done(self._program("topics", ("chassis", "topics"), addresses)))
                commands.create_task(self._done(self._program("keys", ("chassis", "keys"), addresses)))
        with self._terminal.step(f"Services ({', '.join(SERVICES)})"):
            programs = [self._program(f"{service}-worker", (service, "worker"), addresses, service) for service in SERVICES]
            programs += [
                self._program(f"reporting-worker-{nth}", ("reporting", "worker"), addresses, "reporting")
                for nth in range(2, self._settings.reporting_workers + 1)
            ]
            programs.append(self._program("api", ("chassis", "serve", *SERVICES, "--port", str(self._settings.port)), addresses))
            for program in programs:
                await self._supervisor.start(Service(program), stage=_SERVICES)
            for service in SERVICES:
                await self._ready(service)
        if self._settings.simulate:
            with self._terminal.step("Simulated day"):
                await self._supervisor.start(Service(self._program("simulator", ("simulator", "day"), addresses)), stage=_SIMULATOR)

    async def _kafka(self) -> str:
        given = self._settings.kafka_bootstrap_servers
        if given:
            if not await broker_answers(given):
                raise CannotStartError("The broker of KAFKA_BOOTSTRAP_SERVERS does not answer")
            return given
        broker = Kafka(self._folder.kafka, log=self._folder.logs / "kafka.log")
        with self._terminal.step("Kafka from Maven, the first time only", when=not broker.is_installed()):
            await broker.install()
        with self._terminal.step("Kafka"):
            await self._supervisor.start(broker, stage=_SERVERS)
        self.bootstrap_servers = broker.bootstrap_servers
        return broker.bootstrap_servers

    async def _postgres(self) -> str:
        if self._settings.database_url:
            return self._settings.database_url
        server = Postgres(self._folder.postgres, log=self._folder.logs / "postgres.log")
        with self._terminal.step("PostgreSQL"):
            await self._supervisor.start(server, stage=_SERVERS)
        return server.url

    def _program(self, name: str, module: tuple[str, ...], addresses: Addresses, service: str | None = None) -> Program:
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": addresses.bootstrap_servers,
            "NAMESPACE": self._settings.namespace,
            "PARTITIONS": str(self._settings.partitions),
            "KEYS_DIR": str(self._folder.keys),
            "SCHAKEL_URL": self._settings.url,
            "SPEED": self._settings.speed,
            # The administrator's URL, if one was given, is for us alone.
            "DATABASE_URL": addresses.database_urls[service] if service else "",
            # Whoever tries a webhook on this machine has no certificate for it; only the loopback address is opened by this.
            "WEBHOOK_ALLOW_HTTP": "true",
            "PYTHONUNBUFFERED": "1",
        }
        if service is None:
            # One process with all the APIs: each finds its own database under its own name.
            environment |= {f"{name.upper()}_DATABASE_URL": url for name, url in addresses.database_urls.items()}
        return Program(
            name=name,
            command=(sys.executable, "-m", *module),
            log=self._folder.logs / f"{name}.log",
            environment=environment,
            stop_limit_seconds=_STOP_LIMIT_SECONDS,
        )

    async def _done(self, program: Program) -> None:
        """Run a command to its end."""
        process = Process(program)
        try:
            code = await process.exited(_COMMAND_LIMIT_SECONDS)
        except TimeoutError:
            raise CannotStartError(f"{program.name} has not ended after {_COMMAND_LIMIT_SECONDS:g} s; its log is {program.log}") from None
        finally:
            process.kill()
        if code:
            raise CannotStartError(f"{program.name} failed (exit code {code}); the end of {program.log}:\n{last_lines(program.log)}")

    async def _ready(self, service: str) -> None:
        end = time.monotonic() + _READY_LIMIT_SECONDS
        while not await asyncio.to_thread(_answers_ok, self._settings.port, f"/{service}/health/ready"):
            for kept in self._supervisor.kept:
                # One restart may be bad luck; this many within a start are a setting or a fault that no waiting cures.
                if kept.process is not None and kept.restarts >= _TOO_MANY_RESTARTS:
                    log = kept.process.program.log
                    raise CannotStartError(f"{kept.name} keeps ending; the end of {log}:\n{last_lines(log)}")
            if time.monotonic() > end:
                raise CannotStartError(f"{service} is not ready after {_READY_LIMIT_SECONDS:g} s; see the logs in {self._folder.logs}")
            await asyncio.sleep(0.1)


@asynccontextmanager
async def _side_by_side() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group that fails with the first reason alone, because it is told to a person in one line."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        # Raised in an `except*`, the reason would come out in a group again with some versions of Python 3.11.
        first: BaseException | None = errors.subgroup(CannotStartError)
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first or errors from None


def _answers_ok(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
