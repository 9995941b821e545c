"""What asyncpg has to ask about types is asked once a process."""

from typing import Any

import asyncpg
import pytest

from chassis.database.sql import Database

_LISTS = "select $1::int[] as numbers, $2::text[] as texts"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was asked of the server from here on, in a process that has heard of nothing yet."""
    found: list[Any] = []
    ask = asyncpg.Connection._introspect_types

    async def noted(connection: Any, typeoids: Any, *limit: Any) -> Any:
        found.append(set(typeoids))
        return await ask(connection, typeoids, *limit)

    monkeypatch.setattr(asyncpg.Connection, "_introspect_types", noted)
    monkeypatch.setattr("chassis.database.known_types._known", {})
    return found


async def test_a_type_that_one_connection_has_met_is_known_to_the_next(database: Database, asked: list[Any]) -> None:
    for _ in range(2):
        async with database.own_connection() as connection:
            row = await connection.fetchrow(_LISTS, [1, None], ["een", "twee"])
            assert (row["numbers"], row["texts"]) == ([1, None], ["een", "twee"])

    assert len(asked) == 1


async def test_a_type_of_a_database_of_its_own_is_asked_for_each_time(database: Database, asked: list[Any]) -> None:
    async with database.own_connection() as connection:
        await connection.execute("create type colour as enum ('rood', 'geel')")
    for _ in range(2):
        async with database.own_connection() as connection:
            assert await connection.fetchval("select $1::colour", "geel") == "geel"

    assert len(asked) == 2


async def test_asyncpg_itself_still_asks(database_url: str, asked: list[Any]) -> None:
    """When this fails, `known_types` can go."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.fetch(_LISTS, [1], ["een"])
    finally:
        await connection.close()

    assert asked
