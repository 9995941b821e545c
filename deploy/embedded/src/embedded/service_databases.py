"""A database and a role of its own for each service, so that none can read what another keeps."""

import secrets
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from embedded.errors import CannotStartError

_OLDEST = 15


async def create_databases(administrator_url: str, services: Iterable[str], *, namespace: str, passwords: Path) -> dict[str, str]:
    """Make what is absent and give the URL of each service's own database; the passwords stay in a folder that only we can read."""
    try:
        connection = await asyncpg.connect(administrator_url, timeout=10)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise CannotStartError(f"PostgreSQL of DATABASE_URL does not take a connection ({type(error).__name__})") from None
    try:
        if connection.get_server_version().major < _OLDEST:
            raise CannotStartError(
                f"PostgreSQL {_OLDEST} or newer is needed; the one of DATABASE_URL is {connection.get_server_version().major}"
            )
        return {service: await _create(connection, administrator_url, service, namespace, passwords) for service in services}
    finally:
        await connection.close()


async def _create(
    connection: "asyncpg.Connection[asyncpg.Record]", administrator_url: str, service: str, namespace: str, passwords: Path
) -> str:
    name = f"{namespace}_{service}" if namespace else service
    password = _password(passwords / f"{name}.password")
    # Names and passwords cannot be parameters of these statements; the server itself quotes them.
    verb = "alter" if await connection.fetchval("select 1 from pg_roles where rolname = $1", name) else "create"
    await connection.execute(
        await connection.fetchval(f"select format('{verb} role %I login password %L', $1::text, $2::text)", name, password)
    )
    if not await connection.fetchval("select 1 from pg_database where datname = $1", name):
        # An administrator that is no superuser may make a database only for a role that it is a member of.
        await connection.execute(await connection.fetchval("select format('grant %I to current_user', $1::text)", name))
        await connection.execute(await connection.fetchval("select format('create database %I owner %I', $1::text, $1::text)", name))
        await connection.execute(await connection.fetchval("select format('revoke all on database %I from public', $1::text)", name))
    parts = urlsplit(administrator_url)
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit(
        parts._replace(netloc=f"{quote(name, safe='')}:{quote(password, safe='')}@{address}", path=f"/{quote(name, safe='')}")
    )


def _password(file: Path) -> str:
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24))
    return file.read_text()
