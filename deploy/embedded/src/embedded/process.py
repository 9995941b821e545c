"""One child process: started so that it cannot outlive us, stopped within its limit."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
# How often a process is looked at while somebody waits for it. Polling works under every event loop and on every system; a
# handful of processes costs nothing that can be measured.
_GLANCE_SECONDS = 0.05
# After SIGKILL only a process stuck in the kernel is still there.
_KILL_LIMIT_SECONDS = 10.0
_LOG_LIMIT_BYTES = 8 * 2**20


@dataclass(frozen=True)
class Program:
    """What to start and how to stop it."""

    name: str
    command: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)  # beside our own
    directory: Path | None = None
    stop_signal: int = signal.SIGTERM
    stop_limit_seconds: float = 10.0


class Process:
    """A started program, leader of its own session, so that Ctrl-C reaches us alone and we decide in which order things stop."""

    def __init__(self, program: Program) -> None:
        self.program = program
        program.log.parent.mkdir(parents=True, exist_ok=True)
        _set_aside_when_large(program.log)
        with program.log.open("ab") as log:
            self._popen = subprocess.Popen(  # noqa: S603 - the commands are our own, nothing of them comes from outside
                program.command,
                cwd=program.directory,
                env={**os.environ, **program.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent(),  # noqa: PLW1509 - one prctl call that takes no lock; nothing else ties a child to our life
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number when a signal ended it."""
        return self._popen.poll()

    @property
    def is_running(self) -> bool:
        return self.exit_code is None

    def signal(self, number: int) -> None:
        """Send a signal to the process alone; one that has ended already is left alone."""
        if self.is_running:
            self._popen.send_signal(number)

    async def becomes_ready(self, is_ready: Callable[[], Awaitable[bool]], *, within_seconds: float) -> bool:
        """Ask until it is; false when it has ended, and when the time is over, which ends it."""
        end = time.monotonic() + within_seconds
        while self.is_running:
            if await is_ready():
                return True
            if time.monotonic() > end:
                await self.stop()
                break
            await asyncio.sleep(_GLANCE_SECONDS)
        return False

    def kill(self) -> None:
        """SIGKILL to the process and to whatever it started in its session."""
        if self.is_running:
            os.killpg(self.pid, signal.SIGKILL)

    async def exited(self, timeout_seconds: float | None = None) -> int:
        """Wait for its end and give its exit code; TimeoutError when it lasts longer."""
        end = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        while (code := self.exit_code) is None:
            if end is not None and time.monotonic() > end:
                raise TimeoutError(f"{self.program.name} is still running after {timeout_seconds} s")
            await asyncio.sleep(_GLANCE_SECONDS)
        return code

    async def stop(self) -> bool:
        """Ask it to stop and kill it when it does not within its limit; whether it stopped by itself."""
        self.signal(self.program.stop_signal)
        # A stopped (SIGSTOP) process would not hear it.
        self.signal(signal.SIGCONT)
        try:
            await self.exited(self.program.stop_limit_seconds)
        except TimeoutError:
            self.kill()
            await self.exited(_KILL_LIMIT_SECONDS)
            return False
        return True


def last_lines(log: Path, count: int = 20) -> str:
    """The end of a log, for a message about a process that ended."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-count:])
    except FileNotFoundError:
        return ""


def _set_aside_when_large(log: Path) -> None:
    # One earlier log is kept, so that the disk of a machine that runs for weeks does not fill.
    if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(log.suffix + ".1"))


def _die_with_parent() -> Callable[[], None] | None:
    libc = _LIBC
    if libc is None:
        return None
    parent = os.getpid()

    def tie() -> None:
        # A parent killed with -9 stops nothing in order: without this its JVM runs on for ever, on the data of the next run.
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return tie
