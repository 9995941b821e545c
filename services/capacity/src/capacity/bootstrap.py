"""Where the parts of capacity are put together; the only place that knows the concrete classes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from uuid import UUID

from fastapi import FastAPI

from capacity.adapters.sql.forgetting import forget_report_ids
from capacity.adapters.sql.queries import BOARD_CHANNEL, BOARD_ROWS
from capacity.adapters.sql.work import SqlWork
from capacity.application.expire_units import UNIT_EXPIRES, expire_units
from capacity.config import CapacitySettings
from capacity.entrypoints.api import board, flows, locations, registry_batch, reports, units
from capacity.entrypoints.api.wiring import Capacity
from capacity.entrypoints.restoring import CapacityRestoring
from capacity.entrypoints.stream import holds, submissions
from chassis.command import Service, WorkerParts
from chassis.database.sql import Database, Transaction
from chassis.http.app import create_app
from chassis.http.idempotency import prune_idempotency_keys
from chassis.live import Live
from chassis.security.auth import Keyring
from chassis.standing.health import Health, Reads
from chassis.worker.forgetting import forgetting
from chassis.worker.timers import OnDue, Timer
from contracts.capacity import REPORTS
from contracts.placement import HOLDS

NAME = "capacity"


def api() -> FastAPI:
    """The API."""
    settings = CapacitySettings.from_environment(NAME)
    database = Database(settings.database_url, pool_size=settings.database_pool, application_name="capacity.api")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await database.open()
        app.state.capacity = Capacity(database, settings.age_limits)
        try:
            async with Live(database, channel=BOARD_CHANNEL, rows=BOARD_ROWS).running() as live:
                app.state.board = live
                yield
        finally:
            await database.close()

    return create_app(
        service=NAME,
        title="Schakel: capacity",
        description="Who has room: the register of places, what is reported about them, and who came and left.",
        settings=settings,
        lifespan=lifespan,
        routers=[locations.router, units.router, board.router, registry_batch.router, reports.router, flows.router],
        health=Health(database, [Reads(NAME, [REPORTS.name, HOLDS.name])]),
    )


def worker_parts(settings: CapacitySettings, database: Database) -> WorkerParts:
    """What the worker does: it takes reports and held places from Kafka, lets old figures become unknown, and forgets old ids."""
    return WorkerParts(
        readings=[submissions(Keyring.of(settings), settings.age_limits), holds(settings.age_limits)],
        timers={UNIT_EXPIRES: expiring(settings)},
        tasks={"forget": forgetting(database, forget_report_ids, prune_idempotency_keys)},
    )


def expiring(settings: CapacitySettings) -> OnDue:
    """The handler of the timers of units."""
    ages = settings.age_limits

    async def on_due(tx: Transaction, timers: Sequence[Timer], now: datetime) -> None:
        await expire_units(SqlWork(tx, ages), [UUID(timer.subject) for timer in timers], now)

    return on_due


SERVICE = Service(
    name=NAME,
    settings=partial(CapacitySettings.from_environment, NAME),
    api=api,
    worker_parts=worker_parts,
    restoring=lambda settings: CapacityRestoring(settings.age_limits),
)
