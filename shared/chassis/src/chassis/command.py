"""The commands of a service: `python -m <service> api | worker | relay | migrate | parked … | restored`."""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import typer

from chassis.database.sql import Database
from chassis.errors import MustStop, Unavailable
from chassis.kafka.brokers import watch_brokers
from chassis.messaging.delivery import Delivery
from chassis.messaging.positions import Positions
from chassis.messaging.reading import HasTopic, Reading
from chassis.messaging.relay import Relay
from chassis.messaging.replaying import discard, list_parked, replay
from chassis.messaging.stream import make_app
from chassis.observability import telemetry
from chassis.observability.logging import configure_logging
from chassis.observability.tracing import begin_tracing, end_tracing
from chassis.restoring.restored import Restoration, Restoring
from chassis.settings import ServiceSettings
from chassis.worker import process
from chassis.worker.heartbeats import Heartbeats
from chassis.worker.timers import OnDue, TimerLoop

if TYPE_CHECKING:
    from fastapi import FastAPI

S = TypeVar("S", bound=ServiceSettings)


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What a service's worker does besides what every worker does."""

    readings: Sequence[HasTopic] = ()
    timers: Mapping[str, OnDue] = field(default_factory=dict)
    tasks: Mapping[str, process.Task] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Service(Generic[S]):
    """What the commands need of a service; built in its `bootstrap`."""

    name: str
    settings: Callable[[], S]
    api: "Callable[[], FastAPI]"
    worker_parts: Callable[[S, Database], WorkerParts]
    restoring: Callable[[S], Restoring]
    """What it does about what a restored database has forgotten."""
    relay_rest_seconds: float = 0.0
    """How long the relay rests after it has sent, so that what comes meanwhile goes together; 0 where a figure is watched as it moves."""


def commands(service: Service[Any]) -> typer.Typer:
    """The command line of this service."""
    cli = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)

    @cli.command()
    def api(host: str = "127.0.0.1", port: int = 8080) -> None:
        """Serve this service's API alone."""
        # Imported here: a worker that restarts needs neither it nor the migrations, and they take longer to load than all the rest.
        from chassis.http.server import server, together  # noqa: PLC0415

        settings = service.settings()
        configure_logging(settings, f"{service.name}.api")
        begin_tracing(f"{service.name}.api", settings.instance)
        server(together([service.api()]), host=host, port=port).run()
        end_tracing()

    @cli.command(name="worker")
    def run_worker(*, relay: Annotated[bool, typer.Option(help="Run the relay inside.")] = True) -> None:
        """Read the topics of this service, fire its timers, and send its events."""
        process.run(lambda stop: _work(service, stop, with_relay=relay))

    @cli.command(name="relay")
    def run_relay() -> None:
        """Send this service's events, in a process of its own."""
        settings = service.settings()
        configure_logging(settings, f"{service.name}.relay")
        begin_tracing(f"{service.name}.relay", settings.instance)
        _show_metrics(settings)
        process.run(lambda stop: process.serve(stop, {"relay": Relay(settings, service.name, service.relay_rest_seconds).run}))

    @cli.command()
    def migrate() -> None:
        """Bring the database to the newest schema."""
        from chassis.migrations import running  # noqa: PLC0415 - as above

        running.upgrade(service.name, service.settings().database_url)

    @cli.command()
    def restored() -> None:
        """Run once, with all other processes of the service stopped, after its database was restored to an earlier point."""
        try:
            typer.echo("\n".join(asyncio.run(_restored(service))))
        except (MustStop, Unavailable) as stopped:
            typer.echo(f"{service.name} was not restored: {stopped}", err=True)
            raise typer.Exit(process.CRASHED) from None

    cli.add_typer(_parked(service), name="parked", help="What could not be processed.")
    return cli


async def _work(service: Service[Any], stop: asyncio.Event, *, with_relay: bool) -> int:
    settings = service.settings()
    configure_logging(settings, f"{service.name}.worker")
    begin_tracing(f"{service.name}.worker", settings.instance)
    _show_metrics(settings)
    database = Database(settings.database_url, pool_size=settings.database_pool, application_name=f"{service.name}.worker")
    await database.open()
    parts = service.worker_parts(settings, database)
    positions = Positions(settings, service.name)
    delivery = Delivery(database, service.name, parts.readings, positions)
    tasks: dict[str, process.Task] = {**parts.tasks, "brokers": lambda: watch_brokers(settings)}
    if with_relay:
        tasks["relay"] = Relay(settings, service.name, service.relay_rest_seconds).run
    if parts.timers:
        tasks["timers"] = TimerLoop(database, service.name, parts.timers).run
    app = None
    if parts.readings:
        await delivery.check_fuse()
        await positions.check(database, [reading.topic for reading in parts.readings])
        app = make_app(settings, delivery)
        tasks["heartbeats"] = Heartbeats(settings, database, delivery, app).run
    try:
        return await process.serve(stop, tasks, app)
    finally:
        await database.close()


async def _restored(service: Service[Any]) -> list[str]:
    settings = service.settings()
    configure_logging(settings, f"{service.name}.restored")
    database = Database(settings.database_url, pool_size=2, application_name=f"{service.name}.restored", even_restored=True)
    await database.open()
    try:
        readings = service.worker_parts(settings, database).readings
        delivery = Delivery(database, service.name, readings, Positions(settings, service.name))
        restoration = Restoration(service.name, settings, database, delivery, service.restoring(settings))
        return (await restoration()).lines()
    finally:
        await database.close()


def _show_metrics(settings: ServiceSettings) -> None:
    if settings.metrics_port:
        telemetry.serve_metrics(settings.metrics_host, settings.metrics_port)


def _parked(service: Service[Any]) -> typer.Typer:
    cli = typer.Typer(no_args_is_help=True)

    @cli.command(name="list")
    def show(*, resolved: Annotated[bool, typer.Option(help="Also what was replayed, superseded or discarded.")] = False) -> None:
        """One line each: id, kind, topic/partition/offset, key, size and reason; never the body."""

        async def main(database: Database, _: Sequence[Reading]) -> int:
            for row in await list_parked(database, service.name, resolved=resolved):
                place = f"{row['topic']}/{row['partition']}/{row['offset']}"
                typer.echo(
                    f"{row['id']}\t{row['kind']}\t{place}\t{row['key'] or '-'}\t{row['size']}\t{row['resolution'] or 'open'}\t{row['reason']}"
                )
            return 0

        _with_database(service, main)

    @cli.command(name="replay")
    def run_replay(key: Annotated[str | None, typer.Option(help="Only this key.")] = None) -> None:
        """Apply what is parked, in order, key by key; exit 1 when a key still stands."""

        async def main(database: Database, readings: Sequence[Reading]) -> int:
            outcomes = await replay(database, service.name, readings, key=key)
            for outcome in outcomes:
                typer.echo(f"{outcome.topic}\t{outcome.key}\t{outcome.applied} applied\t{outcome.stopped_by or 'done'}")
            return int(any(outcome.stopped_by for outcome in outcomes))

        _with_database(service, main)

    @cli.command(name="discard")
    def run_discard(ids: list[int]) -> None:
        """Give these up, by the id that `list` shows."""

        async def main(database: Database, readings: Sequence[Reading]) -> int:
            typer.echo(f"{await discard(database, service.name, readings, ids)} discarded")
            return 0

        _with_database(service, main)

    return cli


def _with_database(service: Service[Any], main: Callable[[Database, Sequence[Reading]], Any]) -> None:
    async def run() -> int:
        settings = service.settings()
        database = Database(settings.database_url, pool_size=2, application_name=f"{service.name}.parked")
        await database.open()
        try:
            readings = [reading for reading in service.worker_parts(settings, database).readings if isinstance(reading, Reading)]
            return int(await main(database, readings))
        finally:
            await database.close()

    sys.exit(asyncio.run(run()))
