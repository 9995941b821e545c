"""A command that was sent twice, because the phone lost its signal, is done once and answered twice."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import pytest
import pytest_asyncio
from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.responses import Response

from chassis.database.schema import chassis_tables
from chassis.database.sql import Database, Transaction
from chassis.errors import Rejected, Unavailable
from chassis.http.answers import answer
from chassis.http.app import create_app
from chassis.http.idempotency import MaybeKey, once, prune_idempotency_keys
from chassis.http.route import Router
from chassis.security.auth import Caller, caller
from chassis.settings import ServiceSettings
from chassis.standing.health import Health
from chassis.testing.databases import SchemaDatabase
from chassis.testing.waiting import eventually


class Admission(BaseModel):
    name: str


class Ward:
    """A ward whose admissions can be held up and made to fail."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.begun = 0
        self.raises: Exception | None = None

    async def admit(self, tx: Transaction, body: Admission) -> Response:
        self.begun += 1
        bed = await tx.connection.fetchval("insert into admissions (name) values ($1) returning bed", body.name)
        await self.go_on.wait()
        if self.raises is not None:
            raise self.raises
        return answer(201, {"bed": bed}, headers={"ETag": '"1"'})

    async def admitted(self) -> int:
        async with self.database.connection() as connection:
            count: int = await connection.fetchval("select count(*) from admissions")
            return count


async def create(url: str) -> None:
    metadata = MetaData()
    chassis_tables(metadata)
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.exec_driver_sql("create table admissions (bed int generated always as identity, name text)")
    await engine.dispose()


@pytest_asyncio.fixture
async def ward(schema_database: SchemaDatabase) -> AsyncIterator[Ward]:
    database = Database(await schema_database("ward", create))
    await database.open()
    yield Ward(database)
    await database.close()


@pytest_asyncio.fixture
async def client(ward: Ward, settings: ServiceSettings, token: Callable[..., str]) -> AsyncIterator[httpx.AsyncClient]:
    router = Router()

    @router.post("/admissions", status_code=201)
    @router.post("/wards/{ward_id}/admissions", status_code=201)
    async def post_admission(body: Admission, who: Annotated[Caller, Depends(caller)], key: MaybeKey, ward_id: str = "") -> Response:
        async with ward.database.begin() as tx:
            return await once(tx, key, lambda: ward.admit(tx, body))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    app = create_app(service="ward", title="Ward", settings=settings, lifespan=lifespan, routers=[router], health=Health(ward.database))
    headers = {"Authorization": f"Bearer {token()}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ward/ward/v1", headers=headers) as made:
        yield made


def admit(
    client: httpx.AsyncClient, key: str | None = "k1", name: str = "bed 1", path: str = "/admissions", **headers: str
) -> Coroutine[Any, Any, httpx.Response]:
    return client.post(path, json={"name": name}, headers={**({"Idempotency-Key": key} if key is not None else {}), **headers})


async def test_the_second_time_the_first_answer_is_given(client: httpx.AsyncClient, ward: Ward) -> None:
    first, second = await admit(client), await admit(client)

    assert (first.status_code, first.json(), first.headers["etag"]) == (201, {"bed": 1}, '"1"')
    assert (second.status_code, second.content, second.headers) == (first.status_code, first.content, first.headers)
    assert await ward.admitted() == 1


async def test_without_a_key_each_is_a_command_of_its_own(client: httpx.AsyncClient, ward: Ward) -> None:
    await admit(client, None)
    await admit(client, None)

    assert await ward.admitted() == 2


async def test_another_body_under_the_same_key_is_refused(client: httpx.AsyncClient, ward: Ward) -> None:
    await admit(client)

    assert (await admit(client, name="bed 2")).status_code == 422
    assert await ward.admitted() == 1


async def test_the_same_key_for_another_ward_does_not_give_the_first_wards_answer(client: httpx.AsyncClient, ward: Ward) -> None:
    assert (await admit(client, path="/wards/a/admissions")).status_code == 201

    assert (await admit(client, path="/wards/b/admissions")).status_code == 422


async def test_the_same_key_of_somebody_else_is_another_key(client: httpx.AsyncClient, ward: Ward, token: Callable[..., str]) -> None:
    await admit(client)
    other = await admit(client, Authorization=f"Bearer {token('hospital', 'ziekenhuis')}")

    assert other.json() == {"bed": 2}


async def test_two_at_once_are_done_once_and_both_get_the_answer(client: httpx.AsyncClient, ward: Ward) -> None:
    ward.go_on.clear()
    first = asyncio.create_task(admit(client))
    await eventually(lambda: ward.begun == 1)
    second = asyncio.create_task(admit(client))
    await eventually(lambda: _waiting(ward))
    ward.go_on.set()

    assert (await first).json() == (await second).json() == {"bed": 1}
    assert (await second).status_code == 201
    assert (ward.begun, await ward.admitted()) == (1, 1)


async def test_the_second_does_it_when_the_first_fails_after_all(client: httpx.AsyncClient, ward: Ward) -> None:
    ward.go_on.clear()
    ward.raises = Unavailable()
    first = asyncio.create_task(admit(client))
    await eventually(lambda: ward.begun == 1)
    second = asyncio.create_task(admit(client))
    await eventually(lambda: _waiting(ward))

    ward.go_on.set()
    assert (await first).status_code == 503
    ward.raises = None
    assert (await second).status_code in {201, 503}
    # Whatever became of the second, the third finds or makes exactly one.
    assert (await admit(client)).status_code == 201
    assert await ward.admitted() == 1


async def test_who_waits_longer_than_three_seconds_is_told_to_come_back(client: httpx.AsyncClient, ward: Ward) -> None:
    ward.go_on.clear()
    first = asyncio.create_task(admit(client))
    await eventually(lambda: ward.begun == 1)

    began = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(10):
            second = await admit(client)
        waited = asyncio.get_running_loop().time() - began
    finally:
        ward.go_on.set()
        await first

    assert second.status_code == 503
    assert "retry-after" in second.headers
    # The statement timeout, after 4 s, would look the same.
    assert 2.5 < waited < 3.9
    assert ward.begun == 1


async def test_a_refusal_is_kept_too_and_undoes_everything(client: httpx.AsyncClient, ward: Ward) -> None:
    ward.raises = Rejected("ward-full", "There is no place.", status=409)
    first = await admit(client)
    ward.raises = None
    second = await admit(client)

    assert first.status_code == second.status_code == 409
    assert first.content == second.content
    assert second.headers["content-type"] == "application/problem+json"
    assert (ward.begun, await ward.admitted()) == (1, 0)


@pytest.mark.parametrize("trouble", [ValueError("x"), Unavailable()])
async def test_our_own_trouble_is_never_kept(client: httpx.AsyncClient, ward: Ward, trouble: Exception) -> None:
    ward.raises = trouble
    assert (await admit(client)).status_code in {500, 503}
    ward.raises = None

    assert (await admit(client)).status_code == 201
    assert await ward.admitted() == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb"])
async def test_a_key_that_is_none_is_refused(client: httpx.AsyncClient, ward: Ward, key: str) -> None:
    response = await client.post("/admissions", json={"name": "x"}, headers={b"Idempotency-Key": key.encode("latin-1")})

    assert response.status_code == 400
    assert ward.begun == 0


async def test_after_a_day_a_key_is_forgotten(client: httpx.AsyncClient, ward: Ward) -> None:
    await admit(client, "old")
    await admit(client, "pruned")
    async with ward.database.connection() as connection:
        await connection.execute("update idempotency_keys set created_at = created_at - interval '25 hours'")
        assert (await admit(client, "old", name="bed 9")).json() == {"bed": 3}
        await prune_idempotency_keys(connection)
        assert [row["key"] for row in await connection.fetch("select key from idempotency_keys")] == ["old"]


async def test_what_was_sent_is_not_kept(client: httpx.AsyncClient, ward: Ward) -> None:
    await admit(client, name="mevrouw Jansen")

    async with ward.database.connection() as connection:
        assert "Jansen" not in str(await connection.fetch("select * from idempotency_keys"))


async def _waiting(ward: Ward) -> bool:
    """Whether a command waits for another in the database."""
    async with ward.database.connection() as connection:
        waiting: int = await connection.fetchval(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        return waiting > 0
