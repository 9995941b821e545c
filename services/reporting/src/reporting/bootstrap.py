"""Where the parts of reporting are put together; the only place that knows the concrete classes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from time import monotonic

from fastapi import FastAPI

from chassis.command import Service, WorkerParts
from chassis.database.sql import Database
from chassis.http.app import create_app
from chassis.standing.health import Reads
from chassis.worker.desk import Desk, beating, every
from contracts.capacity import FLOWS, OBSERVATIONS, UNITS
from contracts.placement import HOLDS, PLACEMENTS
from contracts.reporting import NATIONAL, HeartbeatV1
from reporting.adapters.kafka.national_log import NationalLog
from reporting.adapters.sql.contributions import CHANNEL, SqlContributions
from reporting.adapters.sql.feed import SqlFeed
from reporting.adapters.sql.figures import SqlFigures
from reporting.adapters.sql.placements import SqlPlacementCounts
from reporting.application.expire_contributions import ExpireContributions
from reporting.application.live_picture import LivePicture
from reporting.application.publish_figures import PublishFigures
from reporting.application.read_feed import ReadFeed
from reporting.application.read_placements import ReadPlacements
from reporting.application.recount import Recount
from reporting.application.restate_feed import RestateFeed
from reporting.application.telemetry import PICTURE_SILENT_SECONDS
from reporting.config import ReportingSettings
from reporting.entrypoints.api import feeds, national
from reporting.entrypoints.duties import expiring, publishing, restating
from reporting.entrypoints.health import ReportingHealth
from reporting.entrypoints.restoring import ReportingRestoring
from reporting.entrypoints.stream import readings
from reporting.entrypoints.web.pages import add_pages

NAME = "reporting"


def api() -> FastAPI:
    """The API and the pages, by the environment."""
    return make_api(ReportingSettings.from_environment(NAME))


def make_api(settings: ReportingSettings) -> FastAPI:
    """The API and the pages, with the live picture."""
    database = Database(settings.database_url, pool_size=settings.database_pool, application_name="reporting.api")
    picture = LivePicture()
    PICTURE_SILENT_SECONDS.set_function(lambda: picture.silent_seconds)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await database.open()
        app.state.picture = picture
        app.state.read_feed = ReadFeed(database, SqlFeed())
        app.state.read_placements = ReadPlacements(database, SqlPlacementCounts())
        tasks = [asyncio.create_task(NationalLog(settings, picture).run()), asyncio.create_task(picture.tick())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)
            await database.close()

    app = create_app(
        service=NAME,
        title="Schakel: reporting",
        description="What is free in the Netherlands, now, and what was occupied day by day.",
        settings=settings,
        lifespan=lifespan,
        routers=[national.router, feeds.router],
        health=ReportingHealth(database, [Reads(NAME, [UNITS.name, OBSERVATIONS.name, FLOWS.name, HOLDS.name, PLACEMENTS.name])]),
    )
    add_pages(app)
    return app


def worker_parts(settings: ReportingSettings, database: Database) -> WorkerParts:
    """What the worker does: it reads the topics of capacity and placement, and one of its kind sits at the desk."""
    return WorkerParts(
        readings=readings(SqlContributions(), SqlFeed(), SqlPlacementCounts()),
        tasks={"desk": desk(settings, database).run},
    )


def desk(settings: ReportingSettings, database: Database) -> Desk:
    """The duties that only one process may do at a time."""
    contributions, figures = SqlContributions(), SqlFigures()
    return Desk(
        NAME,
        settings.database_url,
        {
            "publish": publishing(PublishFigures(database, figures, monotonic)),
            "expire": expiring(ExpireContributions(database, contributions)),
            "restate": restating(RestateFeed(database, SqlFeed(), monotonic, settings.feed_rest_seconds)),
            "beat": beating(settings, database, NATIONAL, lambda partition, at: HeartbeatV1(partition=partition, at=at)),
            "recount": every(settings.recount_every_seconds, Recount(database, figures)),
        },
        channel=CHANNEL,
    )


SERVICE = Service(
    name=NAME,
    settings=partial(ReportingSettings.from_environment, NAME),
    api=api,
    worker_parts=worker_parts,
    restoring=lambda _: ReportingRestoring(SqlFigures()),
)
