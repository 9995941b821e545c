"""The commands behind ``make run``, ``stop``, ``status``, ``logs`` and ``reset``."""

import asyncio
import os
import signal
import subprocess
import time

from rich.console import Console
from rich.table import Table

from embedded.errors import CannotStartError
from embedded.memory import proportional_mebibytes
from embedded.run_folder import RunFolder
from embedded.settings import Settings
from embedded.stack import SERVICES, Stack
from embedded.supervisor import Supervisor
from embedded.terminal import Terminal

# Longer than every stage's own limit together.
_STOP_LIMIT_SECONDS = 60.0


def run() -> int:
    """Run the system until Ctrl-C, SIGTERM or the end of the terminal."""
    settings = Settings.from_environment()
    folder = RunFolder(settings.run_dir)
    with folder.taken():
        return asyncio.run(_run(settings, folder))


async def _run(settings: Settings, folder: RunFolder) -> int:
    terminal = Terminal()
    supervisor = Supervisor(terminal.say, lambda: folder.write_state(_state(settings, supervisor, stack)))
    stack = Stack(settings, folder, supervisor, terminal)
    asked_to_stop = asyncio.Event()

    def on_signal() -> None:
        if asked_to_stop.is_set():
            terminal.say("Asked twice: everything is killed")
            supervisor.kill()
        asked_to_stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    starting = asyncio.create_task(stack.start())
    stopping = asyncio.create_task(asked_to_stop.wait())
    try:
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            _say_where_to_look(settings, stack, folder, terminal)
            await stopping
        terminal.say("Stopping: services first, Kafka and PostgreSQL last")
    finally:
        starting.cancel()
        stopping.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)
        await supervisor.stop()
    return 0


def _say_where_to_look(settings: Settings, stack: Stack, folder: RunFolder, terminal: Terminal) -> None:
    terminal.say("")
    terminal.say(f"  The Netherlands, live   {settings.url}/")
    terminal.say(f"  The APIs                {'  '.join(f'{settings.url}/{service}/docs' for service in SERVICES)}")
    terminal.say(f"  Kafka, for providers    {stack.bootstrap_servers}  (topic capacity.reports.v1)")
    terminal.say("  A token for them        make token ROLE=lcps")
    terminal.say(f"  What is running         make status, make logs ({folder.logs})")
    terminal.say("  The end                 Ctrl-C, or make stop; the next make run goes on with the same data")
    terminal.say("")
    # Scripts wait for this line, and nothing else begins with it.
    terminal.say(f"ready: {settings.url}")


def stop() -> int:
    """Stop the system whose terminal is lost, and wait until it has."""
    folder = RunFolder(Settings.from_environment().run_dir)
    pid = folder.running_pid()
    if pid is None:
        Terminal().say(f"No system is running on {folder.path}")
        return 0
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + _STOP_LIMIT_SECONDS
    while folder.running_pid() is not None:
        if time.monotonic() > end:
            raise CannotStartError(f"The system on {folder.path} (pid {pid}) has not stopped after {_STOP_LIMIT_SECONDS:g} s")
        time.sleep(0.1)
    Terminal().say(f"The system on {folder.path} has stopped")
    return 0


def status() -> int:
    """Show every process with its state, restarts and memory; 1 when nothing is running."""
    folder = RunFolder(Settings.from_environment().run_dir)
    pid = folder.running_pid()
    if pid is None:
        Terminal().say(f"No system is running on {folder.path}")
        return 1
    state = folder.state()
    table = Table(
        "process", "pid", "state", "restarts", "memory MiB", title=f"{state.get('url', '')}  ({folder.path})", title_justify="left"
    )
    total = 0.0
    for process in ({"name": "supervisor", "pid": pid, "state": "running", "restarts": 0}, *state.get("processes", ())):
        # The supervisor's children are listed by themselves.
        memory = proportional_mebibytes(process["pid"] or 0, with_children=process["name"] != "supervisor")
        total += memory
        table.add_row(process["name"], str(process["pid"] or ""), process["state"], str(process["restarts"]), f"{memory:.0f}")
    table.add_row("together", "", "", "", f"{total:.0f}")
    Console().print(table)
    return 0


def logs(*, follow: bool) -> int:
    """Show the end of every log; with ``follow`` also what comes."""
    folder = RunFolder(Settings.from_environment().run_dir)
    files = sorted(str(file) for file in folder.logs.glob("*.log"))
    if not files:
        Terminal().say(f"There are no logs in {folder.logs} yet")
        return 1
    command = ["tail", "-n", "20", *(("-F",) if follow else ()), "--", *files]
    try:
        return subprocess.run(command, check=False).returncode  # noqa: S603 - every system has it, and it follows logs that are set aside
    except KeyboardInterrupt:
        # How one stops following.
        return 0


def reset() -> int:
    """Forget all local data; refused while the system runs."""
    folder = RunFolder(Settings.from_environment().run_dir)
    folder.forget()
    Terminal().say(f"All data in {folder.path} is forgotten")
    return 0


def _state(settings: Settings, supervisor: Supervisor, stack: Stack) -> dict[str, object]:
    processes = [
        {"name": kept.name, "pid": kept.process.pid if kept.process else None, "state": kept.state, "restarts": kept.restarts}
        for kept in supervisor.kept
    ]
    return {"pid": os.getpid(), "url": settings.url, "kafka_bootstrap_servers": stack.bootstrap_servers, "processes": processes}
