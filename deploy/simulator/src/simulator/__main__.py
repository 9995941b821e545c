"""`python -m simulator day`, `replay [FILE]` and `story`; settings come from the environment (README.md)."""

import asyncio
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from simulator.brief import say
from simulator.client import Refused
from simulator.live import run_day
from simulator.replay.command import replay as replay_series
from simulator.replay.run import Exit
from simulator.settings import BadSetting, DaySettings, ReplaySettings, SystemSettings
from simulator.story.command import StoryExit
from simulator.story.command import tell as tell_story
from simulator.story.settings import StorySettings
from simulator.tokens import NoToken

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_show_locals=False)


@app.command()
def day() -> None:
    """Simulate a Dutch day, live, until stopped."""
    try:
        system, settings = SystemSettings.read(), DaySettings.read()
    except BadSetting as bad:
        say("bad setting", because=str(bad))
        raise typer.Exit(Exit.BAD_FILE) from None
    raise typer.Exit(asyncio.run(_until_stopped(system, settings)))


@app.command()
def replay(file: Annotated[Path | None, typer.Argument(help="A series in LCPS's own columns; FILE, or the packaged one.")] = None) -> None:
    """Replay an LCPS series through the running system and compare: 0 equal, 1 differs, 2 bad file, 3 cannot be told."""
    try:
        system, settings = SystemSettings.read(), ReplaySettings.read()
    except BadSetting as bad:
        sys.stderr.write(f"{bad}\n")
        raise typer.Exit(Exit.BAD_FILE) from None
    outcome = asyncio.run(replay_series(system, settings if file is None else replace(settings, file=file)))
    out = sys.stdout if outcome.exit in {Exit.EQUAL, Exit.DIFFERS} else sys.stderr
    out.write("\n".join(outcome.lines) + "\n")
    raise typer.Exit(outcome.exit)


@app.command()
def story() -> None:
    """Follow one patient through the running system, in words: 0 told, 1 it broke off, 2 a bad setting, 3 no running system."""
    try:
        system = SystemSettings.read()
    except BadSetting as bad:
        sys.stderr.write(f"{bad}\n")
        raise typer.Exit(StoryExit.BAD_SETTING) from None
    # A pipe has no width: lines are as long as they are.
    console, errors = Console(soft_wrap=True, highlight=False), Console(stderr=True, soft_wrap=True)
    raise typer.Exit(asyncio.run(tell_story(system, StorySettings.read(), console, errors)))


async def _until_stopped(system: SystemSettings, settings: DaySettings) -> int:
    running = asyncio.ensure_future(run_day(system, settings))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        say("stopped")
        return 0
    except (NoToken, Refused) as error:
        say("cannot go on", because=str(error))
    return 1


if __name__ == "__main__":
    app()
