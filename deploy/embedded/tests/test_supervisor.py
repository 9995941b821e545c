import asyncio
import signal
import time
from pathlib import Path

import pytest

from chassis.testing.waiting import eventually
from embedded.errors import CannotStartError
from embedded.process import Program
from embedded.supervisor import Service, State, Supervisor


def a_program(folder: Path, name: str, script: str, *, stop_limit_seconds: float = 5) -> Service:
    return Service(Program(name=name, command=("bash", "-c", script), log=folder / f"{name}.log", stop_limit_seconds=stop_limit_seconds))


# Says when it is asked to stop, and stops.
def an_obedient(folder: Path, name: str) -> Service:
    return a_program(folder, name, f"trap 'echo {name} >> {folder}/stopped; exit 0' TERM; echo up; while :; do sleep 0.02; done")


async def test_a_process_killed_with_9_is_said_and_starts_again(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append)
    try:
        await supervisor.start(an_obedient(tmp_path, "worker"), stage=1)
        (worker,) = supervisor.kept
        assert worker.process is not None
        first = worker.process.pid
        worker.process.kill()

        await eventually(lambda: worker.state is State.RUNNING and worker.restarts == 1)
        assert worker.process.pid != first
        assert said[0] == "worker ended (by SIGKILL); it starts again in 0.5 s"
        assert said[1].startswith("worker runs again")
    finally:
        await supervisor.stop()


async def test_a_process_that_keeps_failing_starts_again_ever_more_slowly_up_to_5_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def hurried(seconds: float) -> None:
        if seconds >= 0.5:
            pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr("embedded.supervisor.asyncio.sleep", hurried)
    said: list[str] = []
    supervisor = Supervisor(said.append)
    try:
        await supervisor.start(a_program(tmp_path, "broken", "exit 3"), stage=1)
        end = time.monotonic() + 20
        while len(pauses) < 6 and time.monotonic() < end:
            await sleep(0.01)
    finally:
        await supervisor.stop()

    assert pauses[:6] == [0.5, 1, 2, 4, 5, 5]
    assert said[0] == "broken ended (exit code 3); it starts again in 0.5 s"


async def test_what_others_lean_on_stops_after_them(tmp_path: Path) -> None:
    supervisor = Supervisor(lambda _: None)
    for name, stage in (("kafka", 1), ("postgres", 1), ("worker", 2), ("api", 2), ("simulator", 3)):
        await supervisor.start(an_obedient(tmp_path, name), stage=stage)
    await eventually(lambda: all("up" in log.read_text() for log in tmp_path.glob("*.log")))

    await supervisor.stop()

    order = (tmp_path / "stopped").read_text().split()
    assert order[0] == "simulator"
    assert set(order[1:3]) == {"worker", "api"}
    assert set(order[3:]) == {"kafka", "postgres"}
    assert all(kept.state is State.STOPPED for kept in supervisor.kept)


async def test_a_process_that_does_not_stop_is_killed_at_its_limit_and_said(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append)
    deaf = a_program(tmp_path, "deaf", "trap '' TERM; echo deaf; while :; do sleep 0.1; done", stop_limit_seconds=0.3)
    await supervisor.start(deaf, stage=1)
    await eventually(lambda: "deaf" in (tmp_path / "deaf.log").read_text())

    await asyncio.wait_for(supervisor.stop(), 5)

    assert said == ["deaf did not stop within 0.3 s and was killed"]


async def test_a_paused_process_stops_too(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append)
    await supervisor.start(a_program(tmp_path, "paused", "exec sleep 100"), stage=1)
    (kept,) = supervisor.kept
    assert kept.process is not None
    kept.process.signal(signal.SIGSTOP)

    await asyncio.wait_for(supervisor.stop(), 5)

    assert said == ["paused stopped"]


async def test_something_missing_at_the_first_start_is_told_instead_of_tried_again(tmp_path: Path) -> None:
    class Needy:
        name = "needy"

        async def prepare(self) -> Program:
            raise CannotStartError("Java is missing")

        async def is_ready(self) -> bool:
            return False

    said: list[str] = []
    supervisor = Supervisor(said.append)

    with pytest.raises(CannotStartError, match="Java is missing"):
        await supervisor.start(Needy(), stage=1)

    await supervisor.stop()
    assert said == []


async def test_what_is_never_ready_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    class Slow(Service):
        async def is_ready(self) -> bool:
            return False

    program = Program(name="slow", command=("bash", "-c", "echo thinking; exec sleep 100"), log=tmp_path / "slow.log")
    supervisor = Supervisor(lambda _: None)
    try:
        with pytest.raises(CannotStartError, match=r"slow is not ready after 0\.5 s[^~]*thinking"):
            await supervisor.start(Slow(program), stage=1, limit_seconds=0.5)
    finally:
        await supervisor.stop()
