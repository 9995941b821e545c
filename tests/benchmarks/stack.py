"""The system under the benchmark: what `make run` starts, in a folder and on a port of its own, without the simulator."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from embedded.memory import proportional_mebibytes
from embedded.stack import SERVICES

_READY_WITHIN_SECONDS = 240


@dataclass(frozen=True)
class RunningStack:
    """A system that said `ready:`."""

    url: str
    bootstrap_servers: str
    token: str
    ready_after_seconds: float
    pid: int

    def session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            self.url,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=aiohttp.ClientTimeout(total=None, sock_read=120),
            connector=aiohttp.TCPConnector(limit=0),
        )

    def memory_mebibytes(self) -> float:
        """Proportional memory (PSS) of all its processes together."""
        return proportional_mebibytes(self.pid, with_children=True)

    async def settled(self, session: aiohttp.ClientSession) -> None:
        """Wait until nothing is unsent and nothing unread in any service, twice in a row."""
        quiet = 0
        while quiet < 2:
            numbers = []
            for service in SERVICES:
                async with session.get(f"/{service}/health/ready") as answer:
                    health = await answer.json(content_type=None)
                    numbers += [health.get("unsent", 1), health.get("waiting", 1)]
            quiet = quiet + 1 if not any(numbers) else 0
            await asyncio.sleep(0.5 if quiet else 0.1)


@asynccontextmanager
async def running_stack(folder: Path, **settings: str) -> AsyncIterator[RunningStack]:
    """Start it, give it once it is ready, stop it with Ctrl-C's signal."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "RUN_DIR": str(folder), "KEYS_DIR": str(folder / "keys"), "PORT": str(port), "SIMULATE": "0"} | settings
    started = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "embedded", "run", env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    assert process.stdout is not None
    try:
        said = await asyncio.wait_for(_until_ready(process.stdout), _READY_WITHIN_SECONDS)
        ready_after = time.monotonic() - started
        draining = asyncio.ensure_future(process.stdout.read())
        token = await asyncio.to_thread(
            subprocess.check_output, [sys.executable, "-m", "chassis", "token", "--role", "admin"], env=environment, text=True
        )
        state = json.loads((folder / "state.json").read_text())
        yield RunningStack(said, state["kafka_bootstrap_servers"], token.strip(), ready_after, process.pid)
        draining.cancel()
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.wait(), 60)


async def _until_ready(output: asyncio.StreamReader) -> str:
    told = []
    async for raw in output:
        line = raw.decode(errors="replace").strip()
        told.append(line)
        if line.startswith("ready: "):
            return line.removeprefix("ready: ")
    raise RuntimeError("the system ended before it was ready:\n" + "\n".join(told[-20:]))
