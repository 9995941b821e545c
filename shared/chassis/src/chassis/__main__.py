"""Commands of the chassis: keys and tokens of the local system, topics, and one process for several APIs."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.security.keys import Issuer, ensure_keys
from chassis.security.roles import Role
from chassis.settings import ServiceSettings

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)

_ISSUED = [role for role in Role if role is not Role.VISITOR]
_OF_A_TOKEN = ("role", "org", "region")


class TopicSettings(BaseSettings):
    """How topics are made."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    partitions: int = Field(default=12, ge=1, title="Partitions", description="Of every topic; never changes afterwards.")
    replication: int = Field(default=1, ge=1, title="Replication", description="Copies of every partition.")


class AccessSettings(BaseSettings):
    """Where the passwords of Kafka's users are."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    kafka_passwords_dir: Path = Field(title="Kafka's users", description="Folder with a file for each user, which holds its password.")


@app.command()
def keys() -> None:
    """Make the local issuer's key where there is none."""
    ensure_keys(ServiceSettings.from_environment().keys_dir)


@app.command()
def token(
    role: Annotated[str, typer.Option(help="What the holder is.")],
    org: Annotated[str | None, typer.Option(help="The organisation of a provider or hospital.")] = None,
    region: Annotated[str | None, typer.Option(help="ROAZ code; for dpg and coordinator the VR code.")] = None,
    ttl: Annotated[int, typer.Option(help="Seconds until it expires; negative makes an expired one.")] = 43_200,
) -> None:
    """Print a bearer token for the local system and nothing else; needs no running one."""
    if role not in _ISSUED:
        raise typer.BadParameter(f"there is no such role; the roles are {', '.join(_ISSUED)}", param_hint="--role")
    typer.echo(_issuer().token(Role(role), org=org or None, region=region or None, ttl=timedelta(seconds=ttl)))


@app.command()
def tokens(
    ttl: Annotated[int, typer.Option(help="Seconds until they expire.")] = 43_200,
) -> None:
    """Print a bearer token for every line of standard input (role, org and region, with tabs between): a process each would cost a country of people minutes."""
    asked = [line.rstrip("\n").split("\t") for line in sys.stdin]
    if any(len(line) != len(_OF_A_TOKEN) or line[0] not in _ISSUED for line in asked):
        raise typer.BadParameter(f"a line is role, org and region with tabs between; the roles are {', '.join(_ISSUED)}")
    issuer = _issuer()
    for role, org, region in asked:
        typer.echo(issuer.token(Role(role), org=org or None, region=region or None, ttl=timedelta(seconds=ttl)))


@app.command()
def topics() -> None:
    """Make the topics that are missing."""
    # Here and below: printing a token must not wait for what it does not need.
    from chassis.kafka.topics import create_topics  # noqa: PLC0415  as said
    from chassis.observability.logging import configure_logging  # noqa: PLC0415  as said

    settings, how = ServiceSettings.from_environment(), TopicSettings()
    configure_logging(settings, "chassis.topics")
    asyncio.run(create_topics(settings, partitions=how.partitions, replication=how.replication))


@app.command()
def access() -> None:
    """Give the users of a guarded Kafka their passwords and their rights, and take away what the registry does not give."""
    from chassis.errors import MustStop  # noqa: PLC0415  as above
    from chassis.kafka.guard import bring_in_line  # noqa: PLC0415  as above
    from chassis.observability.logging import configure_logging  # noqa: PLC0415  as above

    settings = ServiceSettings.from_environment()
    configure_logging(settings, "chassis.access")
    try:
        bring_in_line(settings, AccessSettings().kafka_passwords_dir)
    except MustStop as reason:
        typer.echo(str(reason), err=True)
        raise typer.Exit(1) from None


@app.command()
def archive(
    folder: Annotated[Path, typer.Argument(help="Where the files are, and grow.")],
    names: Annotated[list[str] | None, typer.Argument(help="Topics, without namespace; all of the registry when none is named.")] = None,
) -> None:
    """Copy what came onto the topics since the last time into files."""
    from chassis.errors import MustStop  # noqa: PLC0415  as above
    from chassis.kafka.archive import archive as add_to_archive  # noqa: PLC0415  as above
    from chassis.observability.logging import configure_logging  # noqa: PLC0415  as above
    from contracts.registry import TOPICS  # noqa: PLC0415  as above

    settings = ServiceSettings.from_environment()
    configure_logging(settings, "chassis.archive")
    for topic in TOPICS:
        if not names or topic.name in names:
            try:
                typer.echo(f"{topic.name}: {asyncio.run(add_to_archive(settings, topic, folder))} records")
            except MustStop as reason:
                typer.echo(str(reason), err=True)
                raise typer.Exit(1) from None


@app.command()
def migrate(services: Annotated[list[str], typer.Argument(help="Services whose databases are brought to their newest schema.")]) -> None:
    """Migrate several services' databases, one after the other: a process each would load alembic as often as there are services."""
    from chassis.migrations import running  # noqa: PLC0415  as above

    for service in services:
        running.upgrade(service, ServiceSettings.from_environment(service).database_url)


@app.command()
def serve(
    services: Annotated[list[str], typer.Argument(help="Services whose APIs this process serves.")],
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8080,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve APIs in one process."""
    from chassis.http.server import apis, server, together  # noqa: PLC0415  as above
    from chassis.observability.logging import configure_logging  # noqa: PLC0415  as above
    from chassis.observability.tracing import begin_tracing, end_tracing  # noqa: PLC0415  as above

    settings = ServiceSettings.from_environment()
    configure_logging(settings, "api")
    begin_tracing("api", settings.instance)
    try:
        served = apis(services)
    except LookupError as unknown:
        raise typer.BadParameter(str(unknown.args[0])) from None
    running = server(together(served), host=host, port=port)
    running.run()
    end_tracing()
    if not running.started:
        raise typer.Exit(3)


def _issuer() -> Issuer:
    settings = ServiceSettings.from_environment()
    return Issuer(ensure_keys(settings.keys_dir), settings.auth_issuer, settings.auth_audience)


if __name__ == "__main__":
    app()
