"""The replay as a command: reads the file before anything else, shows a progress bar, and says how it ended."""

import sys
from datetime import datetime

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from simulator.client import Api, Refused, Unreachable
from simulator.replay.facts import LOCAL
from simulator.replay.run import Exit, How, Outcome, Replay, SystemRefused
from simulator.replay.series import BadFile, Series, parse
from simulator.replay.settle import NotSettled
from simulator.settings import ReplaySettings, SystemSettings
from simulator.tokens import NoToken, Tokens
from simulator.world import hospitals

PATIENCE_SECONDS = 60.0


class Bar:
    """What goes on, on standard error: standard output holds the outcome alone."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def begin(self, doing: str, of: int | None = None) -> None:
        if self._task is not None:
            self._progress.update(self._task, total=1, completed=1, visible=False)
        self._task = self._progress.add_task(doing, total=of)

    def advance(self, by: int) -> None:
        if self._task is not None:
            self._progress.advance(self._task, by)


async def replay(system: SystemSettings, settings: ReplaySettings, *, transport: httpx.AsyncBaseTransport | None = None) -> Outcome:
    """Replay a file into the running system; every way in which it can end is an outcome."""
    try:
        series = _read(settings)
    except BadFile as bad:
        return Outcome(
            Exit.BAD_FILE, (f"{settings.file.name} cannot be replayed, nothing was sent", *(f"  {fault}" for fault in bad.faults))
        )
    tokens = Tokens(system.keys_dir, system.token)
    try:
        async with httpx.AsyncClient(base_url=system.url, timeout=httpx.Timeout(120, connect=5), transport=transport) as client:
            return await _replay(Api(client, tokens, patience_seconds=PATIENCE_SECONDS), series, settings)
    except (NoToken, NotSettled, Refused, SystemRefused, Unreachable) as error:
        return Outcome(Exit.NOT_TOLD, (str(error),))


async def _replay(api: Api, series: Series, settings: ReplaySettings) -> Outcome:
    try:
        await api.look("/capacity/health/live")
    except Unreachable:
        return Outcome(Exit.NOT_TOLD, ("the system is not running here: start it with `make run`, or name its PORT",))
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    how = How(settings.shuffle, settings.twice, settings.correct, settings.settle_seconds)
    with Progress(*columns, console=Console(file=sys.stderr)) as progress:
        return await Replay(api, series, hospitals(), how, Bar(progress)).run()


def _read(settings: ReplaySettings) -> Series:
    try:
        content = settings.file.read_bytes()
    except OSError as error:
        raise BadFile([f"it cannot be read ({error.strerror})"]) from None
    return parse(content, today=datetime.now(LOCAL).date())
