"""The folder of one system: its data, logs, secrets and pids, and the lock that lets one system at a time use it."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from embedded.errors import CannotStartError

# Everything that we make in it. Nothing else is removed: somebody may have pointed RUN_DIR at a folder of their own.
_OURS = ("kafka", "postgres", "logs", "secrets", "keys", "state.json")


class RunFolder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.kafka = path / "kafka"
        self.postgres = path / "postgres"
        self.logs = path / "logs"
        self.secrets = path / "secrets"
        self.keys = path / "keys"
        self._state = path / "state.json"
        self._lock = path / "lock"

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold the folder for as long as the system runs; the lock goes with the process, however it ends."""
        self.path.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CannotStartError(
                    f"A system is already running on {self.path} (pid {self.running_pid()}): make stop ends it"
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def running_pid(self) -> int | None:
        """The process that holds the folder, None when nobody does."""
        try:
            with self._lock.open("r+") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return int(file.read() or 0) or None
        except FileNotFoundError:
            pass
        return None

    def write_state(self, state: Mapping[str, Any]) -> None:
        unfinished = self._state.with_suffix(".new")
        unfinished.write_text(json.dumps(state, indent=1))
        unfinished.replace(self._state)

    def state(self) -> dict[str, Any]:
        """What the running system wrote last; empty when none ever ran."""
        try:
            state: dict[str, Any] = json.loads(self._state.read_text())
        except FileNotFoundError:
            return {}
        return state

    def forget(self) -> None:
        """Remove all data of a system that is not running."""
        if self.running_pid() is not None:
            raise CannotStartError(f"The system on {self.path} is running: make stop first")
        for name in _OURS:
            path = self.path / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
