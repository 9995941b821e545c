"""Running a service's migrations: `python -m <service> migrate`."""

import asyncio
from importlib.resources import as_file, files

from alembic import command, context
from alembic.config import Config
from sqlalchemy import MetaData, pool, text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine

# Two migrations of one database at once would both create what is not there yet.
_ONE_AT_A_TIME = 7_240_002


def upgrade(service: str, database_url: str) -> None:
    """Bring the service's database to the newest schema."""
    with as_file(files(service) / "adapters" / "sql" / "migrations") as folder:
        command.upgrade(_config(str(folder), database_url), "head")


def check(service: str, database_url: str) -> None:
    """Raise alembic's CommandError when the tables in the code differ from what the migrations make."""
    with as_file(files(service) / "adapters" / "sql" / "migrations") as folder:
        command.check(_config(str(folder), database_url))


def run_env(metadata: MetaData) -> None:
    """What a service's `migrations/env.py` calls."""
    url = context.config.attributes["database_url"]
    asyncio.run(_run_online(url, metadata))


def _config(folder: str, database_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", folder)
    # Not as an option: a password may hold a %, which the configuration would interpolate.
    config.attributes["database_url"] = database_url
    return config


async def _run_online(url: str, metadata: MetaData) -> None:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_migrate, metadata)
    await engine.dispose()


def _migrate(connection: Connection, metadata: MetaData) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _ONE_AT_A_TIME})
        context.run_migrations()
