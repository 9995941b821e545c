"""Keeps processes running: says when one ends, starts it again with growing pauses, and stops all of them in order."""

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from embedded.errors import CannotStartError
from embedded.process import Process, Program, last_lines

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0
# Who ran this long was not the victim of what ended it before: the next pause is short again.
_STEADY_SECONDS = 30.0
# Who was started again and ends at once has not run.
_PROVEN_SECONDS = 1.0
_GLANCE_SECONDS = 0.05


class State(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    STOPPED = "stopped"


class Supervised(Protocol):
    """What can be kept running."""

    @property
    def name(self) -> str: ...

    async def prepare(self) -> Program:
        """What to start; asked again before each start."""
        ...

    async def is_ready(self) -> bool: ...


@dataclass(frozen=True)
class Service:
    """A program that needs nothing prepared and tells by its own health route when it is ready."""

    program: Program

    @property
    def name(self) -> str:
        return self.program.name

    async def prepare(self) -> Program:
        return self.program

    async def is_ready(self) -> bool:
        return True


@dataclass
class Kept:
    """A supervised process and what has become of it."""

    what: Supervised
    stage: int
    process: Process | None = None
    state: State = State.STARTING
    restarts: int = 0
    was_ready: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None

    @property
    def name(self) -> str:
        return self.what.name


class Supervisor:
    """Processes in stages: those of a higher stage lean on the lower ones and are stopped before them."""

    def __init__(self, say: Callable[[str], None], changed: Callable[[], None] = lambda: None) -> None:
        self._say = say
        self._changed = changed
        self._kept: list[Kept] = []

    @property
    def kept(self) -> tuple[Kept, ...]:
        return tuple(self._kept)

    async def start(self, what: Supervised, *, stage: int, limit_seconds: float = 60.0) -> None:
        """Start a process, wait until it is ready, and keep it running from then on.

        Raises:
            CannotStartError: something that it needs is missing, or it is not ready within the limit.
        """
        kept = Kept(what, stage)
        self._kept.append(kept)
        kept.task = asyncio.create_task(self._keep(kept), name=f"keep {what.name}")
        ready = asyncio.create_task(kept.was_ready.wait())
        await asyncio.wait((ready, kept.task), timeout=limit_seconds, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if kept.task.done():
            # It ends by itself only when nothing can be kept running.
            kept.task.result()
        if not kept.was_ready.is_set():
            end = last_lines(kept.process.program.log) if kept.process else ""
            raise CannotStartError(f"{what.name} is not ready after {limit_seconds:g} s; the end of its log:\n{end}")

    async def stop(self) -> None:
        """Stop everything, highest stage first; what is of one stage stops side by side."""
        for stage in sorted({kept.stage for kept in self._kept}, reverse=True):
            await asyncio.gather(*(self._stop(kept) for kept in self._kept if kept.stage == stage))

    def kill(self) -> None:
        """End everything at once, for somebody who will not wait. Kafka and PostgreSQL lose nothing by it; they only start slower."""
        for kept in self._kept:
            if kept.process is not None:
                kept.process.kill()

    async def _keep(self, kept: Kept) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = time.monotonic()
            try:
                kept.process = Process(await kept.what.prepare())
            except (CannotStartError, OSError) as error:
                if not kept.was_ready.is_set():
                    raise
                # Memory or disk may be there again in a moment.
                how = f"cannot start ({error})"
            else:
                code = await self._watch(kept, kept.process)
                how = f"ended ({_reason(code)})"
            if time.monotonic() - began > _STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            kept.restarts += 1
            self._turn(kept, State.RESTARTING)
            self._say(f"{kept.name} {how}; it starts again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _watch(self, kept: Kept, process: Process) -> int:
        self._turn(kept, State.STARTING)
        if kept.restarts:
            with suppress(TimeoutError):
                return await process.exited(_PROVEN_SECONDS)
        while not await kept.what.is_ready():
            if not process.is_running:
                return await process.exited()
            await asyncio.sleep(_GLANCE_SECONDS)
        kept.was_ready.set()
        self._turn(kept, State.RUNNING)
        if kept.restarts:
            self._say(f"{kept.name} runs again (pid {process.pid})")
        return await process.exited()

    async def _stop(self, kept: Kept) -> None:
        if kept.task is not None:
            kept.task.cancel()
            # Its cancellation is what was asked for, and its failure has been said.
            await asyncio.gather(kept.task, return_exceptions=True)
        if kept.process is not None and kept.process.is_running:
            stopped = await kept.process.stop()
            self._say(
                f"{kept.name} stopped"
                if stopped
                else f"{kept.name} did not stop within {kept.process.program.stop_limit_seconds:g} s and was killed"
            )
        self._turn(kept, State.STOPPED)

    def _turn(self, kept: Kept, state: State) -> None:
        kept.state = state
        self._changed()


def _reason(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
