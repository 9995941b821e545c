"""Where the parts of triage are put together; the only place that knows the concrete classes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import structlog
from fastapi import FastAPI

from chassis.command import Service, WorkerParts
from chassis.database.sql import Database
from chassis.errors import MustStop
from chassis.http.app import create_app
from chassis.http.idempotency import prune_idempotency_keys
from chassis.live import Live
from chassis.messaging.reading import SOON_SECONDS
from chassis.standing.health import Health, Reads
from chassis.worker.forgetting import forgetting
from contracts.placement import PLACEMENTS
from triage.adapters.keys import vault_keys
from triage.adapters.protocols.packs import carried_packs
from triage.adapters.sealing import Sealing
from triage.adapters.sql.forgetting import forget_marks
from triage.adapters.sql.queries import LIVE_ROWS
from triage.config import TriageSettings
from triage.entrypoints.api import cases, decisions, patients, protocols
from triage.entrypoints.api.wiring import Triage
from triage.entrypoints.restoring import TriageRestoring
from triage.entrypoints.stream import placements

log = structlog.get_logger(__name__)

NAME = "triage"

# What the trigger on the table of cases notifies.
_CHANNEL = "triage_cases"


def api() -> FastAPI:
    """The API, the only process that holds the vault's keys."""
    settings = TriageSettings.from_environment(NAME)
    database = Database(settings.database_url, pool_size=settings.database_pool, application_name="triage.api")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        sealing = _sealing(settings)
        packs = carried_packs()
        await database.open()
        try:
            async with Live(database, channel=_CHANNEL, rows=LIVE_ROWS).running() as live_cases:
                app.state.triage = Triage(database, sealing, packs, live_cases, settings.second_contact_within, settings.silence_limit)
                yield
        finally:
            await database.close()

    return create_app(
        service=NAME,
        title="Schakel: triage",
        description="Who calls and how urgent it is: contacts, their assessment and wishes, and the request for a place.",
        settings=settings,
        lifespan=lifespan,
        routers=[cases.router, decisions.router, patients.router, protocols.router],
        health=Health(database, [Reads(NAME, [PLACEMENTS.name])]),
    )


def _sealing(settings: TriageSettings) -> Sealing:
    try:
        return Sealing(vault_keys(settings.keys_dir))
    except MustStop as stop:
        # The server that starts us only says that it could not.
        log.error("the vault stays closed", reason=str(stop))
        raise


def worker_parts(settings: TriageSettings, database: Database) -> WorkerParts:
    """What the worker does: it follows placement, and forgets what tells a second contact when it no longer is one."""
    return WorkerParts(
        readings=[placements()],
        tasks={"forget": forgetting(database, partial(forget_marks, within=settings.second_contact_within), prune_idempotency_keys)},
    )


SERVICE = Service(
    name=NAME,
    settings=partial(TriageSettings.from_environment, NAME),
    api=api,
    worker_parts=worker_parts,
    restoring=lambda _: TriageRestoring(),
    relay_rest_seconds=SOON_SECONDS,
)
