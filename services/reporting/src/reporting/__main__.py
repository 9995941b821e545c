"""`python -m reporting api | worker | relay | migrate | parked | restored | recount`."""

import asyncio
import sys

import typer

from chassis.command import commands
from chassis.database.sql import Database
from reporting.adapters.sql.figures import SqlFigures
from reporting.application.recount import Recount
from reporting.bootstrap import SERVICE
from reporting.config import ReportingSettings

cli = commands(SERVICE)


@cli.command()
def recount() -> None:
    """Count the figures again from the units: prints `equal`, or `differs` and which, and then exits with 1."""
    sys.exit(asyncio.run(_recount()))


async def _recount() -> int:
    database = Database(ReportingSettings.from_environment().database_url, pool_size=1, application_name="reporting.recount")
    await database.open()
    try:
        differing = await Recount(database, SqlFigures())()
    finally:
        await database.close()
    typer.echo("\n".join(("differs", *differing)) if differing else "equal")
    return 1 if differing else 0


if __name__ == "__main__":
    cli()
