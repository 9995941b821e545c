"""One PostgreSQL on the loopback address, its data kept over restarts; as root it runs as another user, because it refuses root."""

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import asyncpg

from embedded.errors import CannotStartError
from embedded.ports import kept_ports
from embedded.postgres_binaries import Binaries, choose
from embedded.process import Process, Program, last_lines

# After a kill -9 the children of the old server hold its shared memory for a moment, and a new one refuses to start.
_RETRY_LIMIT_SECONDS = 10.0
_READY_LIMIT_SECONDS = 60.0
_ADMINISTRATOR = "postgres"

# For tests: nothing that a killed process loses, only what a power cut would.
NOT_DURABLE: Mapping[str, object] = {"fsync": "off", "full_page_writes": "off"}


class Postgres:
    """A server in its own folder. ``start`` after ``stop``, ``kill`` or the end of the machine goes on with the same data."""

    name = "postgres"

    def __init__(self, folder: Path, *, log: Path | None = None, settings: Mapping[str, object] | None = None) -> None:
        self._folder = folder.resolve()
        self._data = self._folder / "data"
        self._log = log or self._folder / "postgres.log"
        self._settings = dict(settings or {})
        self._binaries: Binaries | None = None
        self._port = 0
        self._is_announced = False
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """The administrator's address; it stays the same once the server has been ready."""
        return f"postgresql://{_ADMINISTRATOR}:{quote(self._password(), safe='')}@127.0.0.1:{self._port}/postgres"

    @property
    def process(self) -> Process:
        if self._process is None:
            raise CannotStartError("PostgreSQL has not been started")
        return self._process

    async def prepare(self) -> Program:
        """Everything up to the start itself: binaries, a port, a data folder where there is none."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        if self._binaries is None:
            self._binaries = await asyncio.to_thread(choose, self._folder, _written_by(self._data))
        if not self._is_announced:
            self._port = kept_ports(self._folder / "ports.json", ("postgres",))["postgres"]
        if not self._data.exists():
            await asyncio.to_thread(self._initialise, self._binaries)
        settings = [f"--{name}={value}" for name, value in self._configuration().items()]
        return Program(
            name=self.name,
            command=self._binaries.command("postgres", "-D", str(self._data), *settings),
            log=self._log,
            # Its own folder may be closed to the user that it runs as.
            directory=Path("/"),
            environment={"LC_ALL": "C.UTF-8"},
            # SIGINT ends the sessions and writes everything down; SIGTERM would wait for clients to leave by themselves.
            stop_signal=signal.SIGINT,
            stop_limit_seconds=20,
        )

    async def is_ready(self) -> bool:
        """Whether the server takes a connection and answers a query."""
        is_ready = await database_answers(self.url)
        self._is_announced = self._is_announced or is_ready
        return is_ready

    async def start(self) -> None:
        """Start and wait until it answers; tried again for a while, because of a port just taken or an old server's last children."""
        end = time.monotonic() + _RETRY_LIMIT_SECONDS
        while True:
            self._process = Process(await self.prepare())
            if await self._process.becomes_ready(self.is_ready, within_seconds=_READY_LIMIT_SECONDS):
                return
            if time.monotonic() > end:
                raise CannotStartError(f"PostgreSQL does not start; the end of {self._log}:\n{last_lines(self._log)}")
            await asyncio.sleep(0.2)

    async def stop(self) -> None:
        if self._process is not None:
            await self._process.stop()

    def kill(self) -> None:
        """SIGKILL to the server itself; the processes of its connections notice and leave."""
        self.process.kill()

    def _configuration(self) -> dict[str, object]:
        return {
            "listen_addresses": "127.0.0.1",
            "port": self._port,
            # Over TCP only: a socket's path may be too long or its folder closed.
            "unix_socket_directories": "",
            "max_connections": 100,
            "shared_buffers": "96MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            # Short statements only: compiling them costs more than running them, and its library costs memory in every connection.
            "jit": "off",
            # A log is read by more people than the tables: no statement with its values, no detail with a key's value.
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
            **self._settings,
        }

    def _initialise(self, binaries: Binaries) -> None:
        """Lay out an empty data folder; it gets its final name only when it is whole."""
        unfinished = self._folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        password = self._folder / "initial-password"
        password.touch(mode=0o600)
        password.write_text(self._password())
        for path in (unfinished, password):
            binaries.hand_over(path)
        options = [
            "-D",
            str(unfinished),
            "-U",
            _ADMINISTRATOR,
            f"--pwfile={password}",
            "-A",
            "scram-sha-256",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ]
        if self._settings.get("fsync") == "off":
            options.append("--no-sync")
        # Never a pipe: a server that inherits one keeps its reader waiting for ever.
        with self._log.open("ab") as log:
            code = subprocess.run(  # noqa: S603 - our own command
                binaries.command("initdb", *options),
                cwd="/",
                env={**os.environ, "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=120,
            ).returncode
        password.unlink()
        if code:
            raise CannotStartError(f"PostgreSQL could not lay out its data folder; the end of {self._log}:\n{last_lines(self._log)}")
        unfinished.replace(self._data)

    def _password(self) -> str:
        """Other users of the machine reach the port as well: the administrator has a password, which only we can read."""
        file = self._folder / "password"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(24))
        return file.read_text()


async def database_answers(url: str) -> bool:
    """Whether the server at this address takes a connection and answers a query."""
    try:
        connection = await asyncpg.connect(url, timeout=2)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    try:
        await connection.fetchval("select 1", timeout=2)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    else:
        return True
    finally:
        connection.terminate()


def _written_by(data: Path) -> int | None:
    """The major version that wrote the data folder."""
    try:
        return int((data / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None
