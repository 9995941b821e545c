"""`python -m placement api | worker | relay | migrate | parked | restored | states | audit`."""

import asyncio
import sys

import typer

from chassis.command import commands
from chassis.database.sql import Database
from placement.adapters.sql.books import SqlBooks
from placement.application.audit import Audit, Findings
from placement.application.states_page import states_page
from placement.bootstrap import NAME, SERVICE
from placement.config import PlacementSettings

cli = commands(SERVICE)


@cli.command()
def states() -> None:
    """Print the page of all states and ways between them, as it stands in `docs/placement-states.md`."""
    typer.echo(states_page(), nl=False)


@cli.command()
def audit() -> None:
    """Compare the counters of held places with the holds, and look for what should have gone on: exits with 1 when anything is wrong."""
    found = asyncio.run(_audit())
    typer.echo(f"counters {found.counters}, overdue {found.overdue}, stuck {found.stuck}, marks {found.marks}")
    sys.exit(int(not found.is_sound))


async def _audit() -> Findings:
    database = Database(PlacementSettings.from_environment(NAME).database_url, pool_size=1, application_name="placement.audit")
    await database.open()
    try:
        return await Audit(SqlBooks(database))()
    finally:
        await database.close()


if __name__ == "__main__":
    cli()
