"""Databases for tests: migrated once a run as a template, cloned for each test, dropped after it."""

import asyncio
import os
import secrets
import sys
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

CreateSchema = Callable[[str], Awaitable[None]]

_MIGRATION_LIMIT_SECONDS = 120


class ServiceDatabase(Protocol):
    """Gives the URL of a fresh database of a service, with all its migrations, owned by a role of its own."""

    async def __call__(self, service: str) -> str: ...


class SchemaDatabase(Protocol):
    """Gives the URL of a fresh database with what ``create`` made in it; called once a run for each name."""

    async def __call__(self, name: str, create: CreateSchema) -> str: ...


class Databases:
    """The databases of one test run; several runs may share a server."""

    def __init__(self, administrator_url: str) -> None:
        self._administrator_url = administrator_url
        self._run = f"test_{secrets.token_hex(4)}"
        self._templates: dict[str, str] = {}  # the URL of each, as its owner
        self._count = 0

    async def clone(self, name: str, create: CreateSchema) -> str:
        """A new database with the schema of this name, made by ``create`` at the first time."""
        template = self._templates.get(name)
        if template is None:
            template = await self._make(f"{self._run}_{name}")
            await create(template)
            self._templates[name] = template
        self._count += 1
        database = f"{self._run}_{name}_{self._count}"
        owner = urlsplit(template).username or ""
        await self._execute(f'create database "{database}" template "{_database(template)}" owner "{owner}"')
        return _with_database(template, database)

    async def copy(self, url: str) -> str:
        """A database as this one is now, which has no sessions: what a restore to this moment would bring back."""
        self._count += 1
        database = f"{self._run}_copy_{self._count}"
        await self._execute(f'create database "{database}" template "{_database(url)}" owner "{urlsplit(url).username}"')
        return _with_database(url, database)

    async def drop(self, url: str) -> None:
        # By force: a worker killed in the middle of a statement may still have its session.
        await self._execute(f'drop database if exists "{_database(url)}" with (force)')

    async def drop_templates(self) -> None:
        for url in self._templates.values():
            await self.drop(url)
            await self._execute(f'drop role if exists "{urlsplit(url).username}"')
        self._templates.clear()

    async def _make(self, name: str) -> str:
        password = secrets.token_urlsafe(12)
        # No superuser, as in production: a migration that needs more than its role has fails here too.
        await self._execute(f"create role \"{name}\" login password '{password}'")
        # An administrator that is no superuser may make a database only for a role that it is a member of.
        await self._execute(f'grant "{name}" to current_user')
        await self._execute(f'create database "{name}" owner "{name}"')
        parts = urlsplit(_with_database(self._administrator_url, name))
        address = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{name}:{quote(password, safe='')}@{address}"))

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._administrator_url, timeout=10)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


async def migrate(service: str, url: str) -> None:
    """Bring a database to the newest schema the way a deployment does: by the service's own command."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        service,
        "migrate",
        env={**os.environ, "DATABASE_URL": url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _MIGRATION_LIMIT_SECONDS)
    except TimeoutError:
        process.kill()
        raise
    if process.returncode:
        raise RuntimeError(f"{service} migrate ended with {process.returncode}:\n{output.decode(errors='replace')[-4000:]}")


def _database(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def _with_database(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
