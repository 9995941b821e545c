"""What only one process of a service may do at a time: whoever has the lock sits at the desk and does its duties."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime

import asyncpg
import structlog

from chassis.database.connection import Connection
from chassis.database.sql import Database
from chassis.errors import MustStop
from chassis.kafka.partitions import partitions_of
from chassis.settings import ServiceSettings
from contracts.event import Event
from contracts.topic import Topic

log = structlog.get_logger(__name__)

BEAT_SECONDS = 5.0

# One a database, and a service has its own database.
_LOCK = 7_241_001
_LOOK_SECONDS = 1.0

Duty = Callable[[asyncio.Event], Awaitable[None]]
"""Runs for ever; the event is set when something was notified on the desk's channel."""

Heartbeat = Callable[[int, datetime], Event]
"""The sign of life of a partition at a moment."""


class Desk:
    """One of its kind among all workers of the service."""

    def __init__(self, service: str, database_url: str, duties: Mapping[str, Duty], *, channel: str | None = None) -> None:
        """Take what is to be done by whoever sits at it.

        Args:
            service: whose desk it is.
            database_url: of the service's own database.
            duties: by name.
            channel: of PostgreSQL's notifications, which wake the duties.
        """
        self._database_url = database_url
        self._duties = duties
        self._channel = channel
        self._server_settings = {
            "application_name": f"{service}.desk",
            "statement_timeout": "4000",
            # A process that is paused keeps its connection, and with it the lock: the server ends a session that says nothing for so
            # long, and the next process takes over. What the paused one then tries meets locked rows and newer versions.
            "idle_session_timeout": "10000",
        }

    async def run(self) -> None:
        """Wait for the lock, then do all duties until cancelled.

        Raises:
            MustStop: when the lock's connection is lost, or a duty has ended: the process ends, and another one sits down.
        """
        connection = await asyncpg.connect(self._database_url, timeout=5, server_settings=self._server_settings)
        try:
            while not await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK):
                await asyncio.sleep(_LOOK_SECONDS / 2)
            log.info("desk has the lock")
            woken = asyncio.Event()
            if self._channel is not None:
                await connection.add_listener(self._channel, lambda *_: woken.set())
            await self._work(connection, woken)
        finally:
            connection.terminate()

    async def _work(self, connection: Connection, woken: asyncio.Event) -> None:
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


def every(seconds: float, do: Callable[[], Awaitable[object]]) -> Duty:
    """At once, and then again after each pause."""

    async def run(_: asyncio.Event) -> None:
        while True:
            await do()
            await asyncio.sleep(seconds)

    return run


def beating(settings: ServiceSettings, database: Database, topic: Topic, heartbeat: Heartbeat) -> Duty:
    """Every five seconds a heartbeat on every partition of a topic whose silence must not be taken for "nothing happens".

    It goes through the outbox, so that it proves the whole way: database, relay and broker.
    """

    async def run(woken: asyncio.Event) -> None:
        name = settings.named(topic.name)
        partitions = (await partitions_of(settings, [name]))[name]
        await every(BEAT_SECONDS, lambda: beat(database, topic, heartbeat, partitions))(woken)

    return run


async def beat(database: Database, topic: Topic, heartbeat: Heartbeat, partitions: list[int]) -> None:
    """One heartbeat on each of these partitions."""
    async with database.begin() as tx:
        for partition in partitions:
            event = heartbeat(partition, datetime.now(UTC))
            # The key alone would not bring it to its partition.
            tx.publish(topic, event, key=event.subject, partition=partition)
