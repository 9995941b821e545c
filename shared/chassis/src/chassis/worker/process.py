"""A worker process: streams, relay, timers and heartbeats, of which none may fail alone."""

import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import faust
import structlog
import uvloop

from chassis.errors import MustStop, Unavailable
from chassis.garbage import spare_what_is_loaded
from chassis.observability.logging import describe
from chassis.observability.tracing import end_tracing

log = structlog.get_logger()

CRASHED = 1
"""Exit code of a process that could not go on; whoever supervises it starts it again."""

# A worker that is still joining its group does not stop by itself.
_STOP_WITHIN_SECONDS = 5.0

Task = Callable[[], Awaitable[None]]


def run(main: Callable[[asyncio.Event], Awaitable[int]]) -> None:
    """Run a process until it ends, is told to stop (SIGTERM, SIGINT) or fails; then exit with its code, whatever still hangs."""
    code = uvloop.run(_with_signals(main))
    end_tracing()
    sys.stdout.flush()
    sys.stderr.flush()
    # A library's thread or an open socket must not keep a process alive that has said it is done.
    os._exit(code)


async def _with_signals(main: Callable[[asyncio.Event], Awaitable[int]]) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    running = asyncio.ensure_future(main(stop))
    told = asyncio.ensure_future(stop.wait())
    await asyncio.wait([running, told], return_when=asyncio.FIRST_COMPLETED)
    # Told while it still asks Kafka or the database where it stands, it does not listen; it has done nothing yet that must end well.
    await asyncio.wait([running], timeout=_STOP_WITHIN_SECONDS + 1)
    if not running.done():
        log.warning("process ends before it had started")
        os._exit(0)
    error = running.exception()
    if error is None:
        return running.result()
    log.error("process ends", reason=_reason(error))
    return CRASHED


async def serve(stop: asyncio.Event, tasks: Mapping[str, Task], app: faust.App | None = None) -> int:
    """Run these tasks, and Faust beside them, until told to stop.

    A task that ends or raises, or a Faust that crashes, ends the whole process: a worker without its relay, or with a stream that
    stands still, would look alive while nothing moves.

    Returns:
        0 after an orderly stop, 1 when something ended that must not.
    """
    waiting: dict[asyncio.Future[Any], str] = {asyncio.ensure_future(task()): name for name, task in tasks.items()}
    waiting[asyncio.ensure_future(stop.wait())] = "stop"
    if app is not None:
        waiting[asyncio.ensure_future(_run_faust(app))] = "faust"
    done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)

    code = 0
    for ended in done:
        name = waiting[ended]
        if name == "stop":
            continue
        code = CRASHED
        log.error("process ends", task=name, reason=_reason(ended.exception()))
    for running in waiting:
        running.cancel()
    with suppress(TimeoutError):
        await asyncio.wait_for(_stopped(app, list(waiting)), timeout=_STOP_WITHIN_SECONDS)
    return code


async def _run_faust(app: faust.App) -> None:
    """Start Faust in this loop and wait until it crashes: in somebody else's loop it does not end the process by itself."""
    app.finalize()
    await app.maybe_start()
    spare_what_is_loaded()
    while not (app.crashed or app.should_stop):
        await asyncio.sleep(0.1)
    raise app.crash_reason or MustStop("faust stopped")


async def _stopped(app: faust.App | None, tasks: list[asyncio.Future[Any]]) -> None:
    if app is not None and app.started:
        await app.stop()
    await asyncio.gather(*tasks, return_exceptions=True)


def _reason(error: BaseException | None) -> str:
    if error is None:
        return "it ended"
    if isinstance(error, (MustStop, Unavailable)):
        return str(error)
    # The kind and the place are enough to find it; its text may hold what was sent.
    frames = traceback.extract_tb(error.__traceback__)
    return f"{describe(error)} at {frames[-1].filename}:{frames[-1].lineno}" if frames else describe(error)
