"""What only one process may do at a time: whoever has the lock publishes, expires, restates, beats and recounts."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import asyncpg
import structlog

from chassis.errors import MustStop
from reporting.adapters.sql.contributions import CHANNEL

log = structlog.get_logger(__name__)

_LOCK = 7_241_001
_LOOK_SECONDS = 1.0
_SERVER_SETTINGS = {
    "application_name": "reporting.desk",
    "statement_timeout": "4000",
    # A process that is paused keeps its connection, and with it the lock: the server ends a session that says nothing for so long, and
    # the next process takes over. What the paused one then tries meets locked figures and newer versions.
    "idle_session_timeout": "10000",
}

Duty = Callable[[asyncio.Event], Awaitable[None]]
"""Runs for ever; the event is set when figures were touched."""


class Desk:
    """One of its kind among all workers of the service."""

    def __init__(self, database_url: str, duties: Mapping[str, Duty]) -> None:
        """Take what is to be done by whoever sits at it."""
        self._database_url = database_url
        self._duties = duties

    async def run(self) -> None:
        """Wait for the lock, then do all duties until cancelled.

        Raises:
            MustStop: when the lock's connection is lost, or a duty has ended: the process ends, and another one sits down.
        """
        connection = await asyncpg.connect(self._database_url, timeout=5, server_settings=_SERVER_SETTINGS)
        try:
            while not await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK):
                await asyncio.sleep(_LOOK_SECONDS / 2)
            log.info("desk has the lock")
            woken = asyncio.Event()
            await connection.add_listener(CHANNEL, lambda *_: woken.set())
            await self._work(connection, woken)
        finally:
            connection.terminate()

    async def _work(self, connection: "asyncpg.Connection[asyncpg.Record]", woken: asyncio.Event) -> None:
        working = {asyncio.ensure_future(duty(woken)): name for name, duty in self._duties.items()}
        try:
            while True:
                ended, _ = await asyncio.wait(working, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                for duty in ended:
                    duty.result()
                    raise MustStop(f"the duty {working[duty]} has ended")
                # Says to the server that we live, and to us that the lock is still ours.
                await connection.execute("select 1")
        finally:
            for duty in working:
                duty.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*working, return_exceptions=True)
