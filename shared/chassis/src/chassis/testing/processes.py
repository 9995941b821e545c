"""Service processes for tests: the real commands, killed, paused and watched as an operator's worst night would."""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from chassis.testing.waiting import eventually
from embedded.process import Process, Program


class ServiceProcess:
    """A running ``python -m <service> <command>``."""

    def __init__(self, name: str, command: tuple[str, ...], log: Path, environment: Mapping[str, str]) -> None:
        # Unbuffered, so that the log of a killed process holds all that it said.
        environment = {"PYTHONUNBUFFERED": "1", **environment}
        self.name = name
        self._log = log
        self._process = Process(Program(name=name, command=command, log=log, environment=environment))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.is_running

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def kill9(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        """SIGTERM, as a deployment stops it."""
        self._process.signal(signal.SIGTERM)

    def pause(self) -> None:
        """SIGSTOP: to everyone else it looks like a machine that hangs."""
        self._process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.signal(signal.SIGCONT)

    async def wait_exit(self, timeout: float = 30.0) -> int:  # noqa: ASYNC109 - the caller says how long it waits
        """Its exit code; minus the signal's number when a signal ended it."""
        return await self._process.exited(timeout)

    async def said(self, text: str, timeout: float = 30.0) -> None:  # noqa: ASYNC109 - as above
        """Wait until the text is in its log; fails at once when the process has ended without it."""

        def has_said() -> bool:
            is_running = self.is_running
            if text in self.log:
                return True
            if not is_running:
                raise RuntimeError(f"{self.name} ended with {self._process.exit_code} before it said {text!r}:\n{self.log[-4000:]}")
            return False

        await eventually(has_said, timeout=timeout, what=f"{text!r} in the log of {self.name}")


class Processes:
    """Starts processes and ends all that are left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[ServiceProcess] = []

    def start(self, service: str, *arguments: str, env: Mapping[str, str] | None = None) -> ServiceProcess:
        """Start ``python -m <service> <arguments>`` with these settings beside those of the test run."""
        return self.start_command(f"{service} {' '.join(arguments)}".strip(), (sys.executable, "-m", service, *arguments), env=env)

    def start_command(self, name: str, command: tuple[str, ...], *, env: Mapping[str, str] | None = None) -> ServiceProcess:
        log = self._folder / f"{len(self._started)}-{name.replace(' ', '-').replace(os.sep, '-')[:60]}.log"
        process = ServiceProcess(name, command, log, env or {})
        self._started.append(process)
        return process

    async def end_all(self) -> None:
        """Kill what still runs and print the end of every log, which pytest shows for a test that failed."""
        for process in self._started:
            process.kill9()
        for process in self._started:
            code = await process.wait_exit(10)
            print(f"--- {process.name} (pid {process.pid}) ended with {code}; the end of its log:\n{process.log[-6000:]}")  # noqa: T201 - see above
        self._started.clear()
