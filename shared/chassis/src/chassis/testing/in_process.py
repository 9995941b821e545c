"""A service in the test's own process: the real API on a database of its own, asked without a server."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from chassis.database.sql import Database
from chassis.security.keys import Issuer, ensure_keys
from chassis.settings import ServiceSettings
from chassis.testing.databases import Databases, migrate

Settings = TypeVar("Settings", bound=ServiceSettings)

_TABLES = """
select string_agg(quote_ident(tablename), ', ') from pg_tables
where schemaname = 'public' and tablename not in ('alembic_version', 'generation', 'live_epochs')
"""
_SHIFT = """
insert into clock_shift (shift) values ($1) on conflict (only_row) do update set shift = clock_shift.shift + excluded.shift
"""


@dataclass
class InProcess(Generic[Settings]):
    """A running service; each service's tests add to it the people who use it."""

    client: httpx.AsyncClient
    database: Database
    settings: Settings
    issuer: Issuer
    app: FastAPI

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        service: str,
        settings: type[Settings],
        api: Callable[[], FastAPI],
        *,
        databases: Databases,
        keys_dir: Path,
        connections: int = 3,
        **environment: str,
    ) -> AsyncIterator[Self]:
        """Serve while the block lasts, with these settings beside its database and keys."""
        url = await databases.clone(service, partial(migrate, service))
        key = ensure_keys(keys_dir)
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv(f"{service.upper()}_DATABASE_URL", raising=False)
            for name, value in {"DATABASE_URL": url, "KEYS_DIR": str(keys_dir), **environment}.items():
                patch.setenv(name, value)
            read = settings.from_environment(service)
            app = api()
        database = Database(url, pool_size=connections, application_name=f"{service}.test")
        await database.open()
        transport = httpx.ASGITransport(app=app)
        async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url=f"http://{service}") as client:
            yield cls(client, database, read, Issuer(key, read.auth_issuer, read.auth_audience), app)
        await database.close()
        await databases.drop(url)

    async def rows(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """What a statement gives."""
        async with self.database.connection() as connection:
            return await connection.fetch(statement, *arguments)

    async def empties(self) -> None:
        """An empty database, at the clock's own time."""
        ((tables,),) = await self.rows(_TABLES)
        await self.rows(f"truncate {tables} restart identity")

    async def later(self, **by: float) -> None:
        """Let time pass on the database's clock."""
        await self.rows(_SHIFT, timedelta(**by))
