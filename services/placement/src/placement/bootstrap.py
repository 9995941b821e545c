"""Where the parts of placement are put together; the only place that knows the concrete classes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from chassis.command import Service, WorkerParts
from chassis.database.sql import Database
from chassis.http.app import create_app
from chassis.http.idempotency import prune_idempotency_keys
from chassis.messaging.reading import SOON_SECONDS
from chassis.standing.health import Reads
from chassis.worker.desk import Desk, beating, every
from chassis.worker.forgetting import forgetting
from contracts.capacity import UNITS
from contracts.placement import PLACEMENTS, PlacementHeartbeatV1
from contracts.triage import CASES
from placement.adapters.sql.books import SqlBooks, forget_ends
from placement.application.audit import Audit
from placement.config import PlacementSettings
from placement.entrypoints.api import holds, offers, placements, requests, webhooks
from placement.entrypoints.api.wiring import serving
from placement.entrypoints.health import PlacementHealth
from placement.entrypoints.restoring import PlacementRestoring
from placement.entrypoints.stream import readings
from placement.entrypoints.timers import timers
from placement.entrypoints.webhooks import bring_messages

NAME = "placement"


def api() -> FastAPI:
    """The API."""
    settings = PlacementSettings.from_environment(NAME)
    database = Database(settings.database_url, pool_size=settings.database_pool, application_name="placement.api")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await database.open()
        try:
            async with serving(database, settings) as app.state.placement:
                yield
        finally:
            await database.close()

    return create_app(
        service=NAME,
        title="Schakel: placement",
        description="Who needs a place, who can be asked, who was asked and what they answered, and which places are held.",
        settings=settings,
        lifespan=lifespan,
        routers=[requests.router, offers.router, placements.router, holds.router, webhooks.router],
        health=PlacementHealth(database, [Reads(NAME, [CASES.name, UNITS.name])]),
    )


def worker_parts(settings: PlacementSettings, database: Database) -> WorkerParts:
    """What the worker does: it reads the topics of triage and capacity, acts when time passes, and one of its kind sits at the desk."""
    return WorkerParts(
        readings=readings(settings.policy),
        timers=timers(settings.policy),
        tasks={
            "desk": desk(settings, database).run,
            "forget": forgetting(database, forget_ends, prune_idempotency_keys),
            "webhooks": partial(bring_messages, database, settings.keys_dir, allow_loopback=settings.webhook_allow_http),
        },
    )


def desk(settings: PlacementSettings, database: Database) -> Desk:
    """The duties that only one process may do at a time."""
    return Desk(
        NAME,
        settings.database_url,
        {
            "beat": beating(settings, database, PLACEMENTS, lambda partition, at: PlacementHeartbeatV1(partition=partition, at=at)),
            "audit": every(settings.audit_every_seconds, Audit(SqlBooks(database))),
        },
    )


SERVICE = Service(
    name=NAME,
    settings=partial(PlacementSettings.from_environment, NAME),
    api=api,
    worker_parts=worker_parts,
    restoring=lambda settings: PlacementRestoring(settings.policy),
    relay_rest_seconds=SOON_SECONDS,
)
