"""The commands as they are typed, with real servers and with stand-ins for the services that only say what happens to them."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chassis.testing.processes import Processes, ServiceProcess
from chassis.testing.servers import temporary_folder
from chassis.testing.waiting import eventually
from embedded.ports import free_port
from embedded.stack import SERVICES

# Every service: answers commands at once, and runs as a worker until it is asked to stop, which it writes down.
_SERVICE = """
import os, signal, sys, time
from pathlib import Path
diary = Path(os.environ["DIARY"])
def note(what):
    with diary.open("a") as file:
        file.write(f"{Path(__file__).parent.name} {what}\\n")
command = sys.argv[1]
note(command)
if command in ("worker", "day"):
    print("url", os.environ["DATABASE_URL"], "kafka", os.environ["KAFKA_BOOTSTRAP_SERVERS"], "namespace", os.environ["NAMESPACE"], flush=True)
    def stop(*_):
        note("stopped")
        sys.exit(0)
    signal.signal(signal.SIGTERM, stop)
    note(f"pid {os.getpid()}")
    while True:
        time.sleep(0.05)
"""

# The chassis: its API process answers every health route.
_CHASSIS = (
    _SERVICE
    + """
elif command == "serve":
    from http.server import BaseHTTPRequestHandler, HTTPServer
    class Healthy(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path.endswith("/health/ready") else 404)
            self.end_headers()
    def stop(*_):
        note("stopped")
        os._exit(0)
    signal.signal(signal.SIGTERM, stop)
    HTTPServer(("127.0.0.1", int(sys.argv[-1])), Healthy).serve_forever()
"""
)


@dataclass
class System:
    """A place to run ``python -m embedded`` in."""

    folder: Path
    port: int
    processes: Processes

    @property
    def settings(self) -> dict[str, str]:
        return {
            "RUN_DIR": str(self.folder / "run"),
            "PORT": str(self.port),
            "DIARY": str(self.folder / "diary"),
            "PYTHONPATH": str(self.folder / "stand-ins"),
        }

    def run(self, **settings: str) -> ServiceProcess:
        return self.processes.start("embedded", "run", env={**self.settings, **settings})

    def does(self, command: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **self.settings, "COLUMNS": "200"}
        return subprocess.run(
            [sys.executable, "-m", "embedded", command], env=environment, capture_output=True, text=True, timeout=90, check=False
        )

    @property
    def diary(self) -> list[str]:
        return (self.folder / "diary").read_text().splitlines()

    def log(self, name: str) -> str:
        return (self.folder / "run" / "logs" / f"{name}.log").read_text()


@pytest.fixture
def system(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    with temporary_folder() as folder:
        for name in (*SERVICES, "simulator", "chassis"):
            (folder / "stand-ins" / name).mkdir(parents=True)
            (folder / "stand-ins" / name / "__init__.py").touch()
            (folder / "stand-ins" / name / "__main__.py").write_text(_CHASSIS if name == "chassis" else _SERVICE)
        yield System(folder, free_port(), processes)


async def test_ctrl_c_stops_the_simulator_then_the_services_then_the_servers_and_the_next_run_goes_on(system: System) -> None:
    first = system.run()
    await first.said(f"ready: http://127.0.0.1:{system.port}", 60)
    await eventually(lambda: "simulator day" in system.diary)
    # As a terminal does: to everything in its foreground group.
    os.killpg(first.pid, signal.SIGINT)

    assert await first.wait_exit(30) == 0
    stopped = [line.split()[0] for line in first.log.splitlines() if line.endswith(" stopped")]
    assert stopped[0] == "simulator"
    assert set(stopped[1:-2]) == {*(f"{service}-worker" for service in SERVICES), "api"}
    assert set(stopped[-2:]) == {"kafka", "postgres"}
    assert first.log.count("ready:") == 1

    began = time.monotonic()
    again = system.run(SIMULATE="0")
    await again.said("ready:", 60)
    assert time.monotonic() - began < 20
    assert system.diary.count("simulator day") == 1
    # The databases and their passwords are those of the first run.
    assert system.log("capacity-worker").splitlines()[0] == system.log("capacity-worker").splitlines()[-1]
    again.terminate()
    assert await again.wait_exit(30) == 0


async def test_what_dies_is_said_and_runs_again_and_status_tells_it(system: System) -> None:
    running = system.run(NAMESPACE="proef")
    await running.said("ready:", 60)
    assert "//proef_capacity:" in system.log("capacity-worker")
    assert "//proef_reporting:" in system.log("reporting-worker")

    pids = {
        line.split()[1]: int(line.split()[3])
        for line in system.does("status").stdout.splitlines()
        if line.startswith("│ ") and line.split()[3].isdigit()
    }
    for name in ("kafka", "postgres", "capacity-worker"):
        os.kill(pids[name], signal.SIGKILL)
    for name in ("kafka", "postgres", "capacity-worker"):
        await running.said(f"{name} ended (by SIGKILL)")
        await running.said(f"{name} runs again")

    assert "kafka" in system.does("status").stdout
    assert system.does("stop").stdout.strip().endswith("has stopped")
    assert await running.wait_exit(1) == 0
    assert system.does("status").returncode == 1


@dataclass(frozen=True)
class Trouble:
    settings: Callable[[System], dict[str, str]]
    says: str


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(lambda _: {"PORT": "eighty"}, "PORT has to be a number from 1 to 65535"),
        Trouble(
            lambda _: {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "DATABASE_URL": "postgresql://x@127.0.0.1:1/x"},
            "The broker of KAFKA_BOOTSTRAP_SERVERS",
        ),
    ],
    ids=["a port that is none", "a broker that is not there"],
)
async def test_a_wrong_setting_is_said_in_one_line(system: System, trouble: Trouble) -> None:
    failed = system.run(**trouble.settings(system))

    assert await failed.wait_exit(30) == 1
    assert trouble.says in failed.log.splitlines()[-1]
    assert "Traceback" not in failed.log


async def test_a_taken_port_is_said_in_one_line_before_anything_starts(system: System) -> None:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", system.port))
        somebody.listen()
        failed = system.run()

        assert await failed.wait_exit(30) == 1

    assert failed.log.strip() == f"Port {system.port} is taken: stop what listens there, or choose another one with PORT=…"


async def test_a_migration_that_fails_is_told_with_the_end_of_its_log_and_everything_stops(system: System) -> None:
    failing = "import sys; sys.argv[1] == 'migrate' and sys.exit('the schema is of a later version')"
    (system.folder / "stand-ins" / "chassis" / "__main__.py").write_text(failing)
    failed = system.run()

    assert await failed.wait_exit(60) == 1
    assert "migrate failed (exit code 1)" in failed.log
    assert "the schema is of a later version" in failed.log
    assert "postgres stopped" in failed.log
    assert "ready:" not in failed.log


async def test_a_service_that_keeps_ending_while_the_system_starts_is_told_with_the_end_of_its_log(system: System) -> None:
    (system.folder / "stand-ins" / "chassis" / "__main__.py").write_text(
        "import sys\nif sys.argv[1] == 'serve': raise SystemExit('no API of that name')"
    )
    failed = system.run()

    assert await failed.wait_exit(60) == 1
    assert "api ended (exit code 1); it starts again in 0.5 s" in failed.log
    assert "api runs again" not in failed.log
    assert "api keeps ending" in failed.log
    assert "no API of that name" in failed.log


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/capacity/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


async def test_two_copies_run_side_by_side_on_their_own_folders_and_ports_but_never_on_one_folder(system: System) -> None:
    one = system.run(SIMULATE="0")
    port = free_port()
    other = system.run(SIMULATE="0", PORT=str(port), RUN_DIR=str(system.folder / "other"))
    await one.said(f"ready: http://127.0.0.1:{system.port}", 60)
    await other.said(f"ready: http://127.0.0.1:{port}", 60)

    assert answers(system.port)
    assert answers(port)
    second, reset = system.does("run"), system.does("reset")
    assert second.returncode == 1
    assert second.stderr.strip() == f"A system is already running on {system.folder}/run (pid {one.pid}): make stop ends it"
    assert reset.returncode == 1
    assert "make stop first" in reset.stderr

    for process in (one, other):
        process.terminate()
    assert await one.wait_exit(30) == 0
    assert await other.wait_exit(30) == 0
    assert system.does("reset").returncode == 0
    assert not (system.folder / "run" / "postgres").exists()
    assert (system.folder / "other" / "postgres").exists()


async def test_who_changes_their_mind_while_it_starts_leaves_nothing_running(system: System) -> None:
    running = system.run()
    await running.said("PostgreSQL …")
    os.killpg(running.pid, signal.SIGINT)

    assert await running.wait_exit(30) == 0
    assert "ready:" not in running.log
    assert not any(str(system.folder) in command_line for command_line in command_lines())


def command_lines() -> Iterator[str]:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            yield (process / "cmdline").read_text()
        except OSError:
            continue  # it has ended meanwhile
