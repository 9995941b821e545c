"""A small service of its own, with a route of every kind that the chassis treats specially."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from fastapi import Depends, FastAPI, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictInt
from starlette.responses import Response

from chassis.database.sql import Database
from chassis.errors import Rejected, Unavailable
from chassis.http.answers import answer
from chassis.http.app import create_app
from chassis.http.etag import etag, if_match, require_match
from chassis.http.ndjson import Chunk, NdjsonAnswer, ndjson_lines
from chassis.http.route import Router
from chassis.http.server import Server, server, together
from chassis.http.sse import EventStream, event, sse_response
from chassis.security.auth import Caller, caller, requires
from chassis.security.keys import Issuer, ensure_keys
from chassis.security.roles import Role
from chassis.settings import ServiceSettings
from chassis.standing.health import Health


class ReportBody(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    report_id: UUID
    source: Literal["EPD", "ECD"]
    observed_at: AwareDatetime | None = None
    occupied: StrictInt | None = Field(default=None, ge=0, le=10_000)
    note: str | None = None
    features: dict[str, StrictInt] = {}


Provider = Annotated[Caller, Depends(requires("provider", "admin"))]

router = Router()


@router.post("/reports", status_code=202)
async def post_report(body: ReportBody | list[ReportBody], who: Provider) -> Response:
    return answer(202, {"subject": who.subject, "count": len(body) if isinstance(body, list) else 1})


@router.get("/units/{unit_id}")
async def get_unit(unit_id: UUID, who: Annotated[Caller, Depends(caller)]) -> dict[str, str]:
    return {"unit_id": str(unit_id)}


@router.patch("/units/{unit_id}")
async def patch_unit(unit_id: UUID, who: Provider, seen: Annotated[str, Depends(if_match)]) -> Response:
    require_match(seen, 7)
    return answer(200, {"unit_id": unit_id}, headers={"ETag": etag(8)})


@router.get("/units")
async def list_units(
    vr: str | None = None, limit: Annotated[int, Query(ge=1, le=200)] = 50, cohort: Annotated[list[str] | None, Query()] = None
) -> Response:
    return answer(200, {"limit": limit, "cohort": cohort})


@router.get("/national")
async def national(who: Annotated[Caller, Depends(requires("lcps", "visitor"))]) -> dict[str, str]:
    return {"role": who.role}


@router.post("/phases")
async def phases(who: Annotated[Caller, Depends(requires("vws", "visitor"))]) -> dict[str, str]:
    return {"role": who.role}


@router.post("/batch")
async def post_batch(request: Request, who: Provider) -> NdjsonAnswer:
    async def work(chunk: Chunk) -> Sequence[bytes]:
        return [
            f"{line.number} {line.content.problem}".encode()
            if isinstance(line.content, Rejected)
            else f"{line.number} {len(line.content)}".encode()
            for line in chunk
        ]

    return NdjsonAnswer(ndjson_lines(request), work)


@router.post("/batch-away")
async def post_batch_away(request: Request) -> NdjsonAnswer:
    async def work(chunk: Chunk) -> Sequence[bytes]:
        raise Unavailable

    return NdjsonAnswer(ndjson_lines(request), work)


@router.get("/stream")
async def stream() -> EventStream:
    async def events() -> AsyncIterator[bytes]:
        yield event(b"{}", id="1")
        await asyncio.Event().wait()

    return sse_response(events())


@router.get("/away")
async def away() -> None:
    raise Unavailable


@router.get("/broken")
async def broken() -> None:
    raise ValueError("een geheim van de patient")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.is_open = True
    yield
    app.state.is_open = False


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> ServiceSettings:
    return ServiceSettings(keys_dir=tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def ward(settings: ServiceSettings) -> FastAPI:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/nowhere")
    return create_app(service="ward", title="Ward", settings=settings, lifespan=lifespan, routers=[router], health=Health(nowhere))


@pytest.fixture(scope="session")
def issuer(settings: ServiceSettings) -> Issuer:
    return Issuer(ensure_keys(settings.keys_dir), settings.auth_issuer, settings.auth_audience)


@pytest.fixture(scope="session")
def token(issuer: Issuer) -> Callable[..., str]:
    def make(role: Role | str = "provider", org: str | None = "zorggroep", ttl: timedelta = timedelta(hours=1)) -> str:
        return issuer.token(Role(role), org=org, ttl=ttl)

    return make


@pytest_asyncio.fixture(scope="session")
async def anonymous(ward: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(ward), base_url="http://ward") as client:
        yield client


@pytest_asyncio.fixture(scope="session")
async def provider(ward: FastAPI, token: Callable[..., str]) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {token()}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(ward), base_url="http://ward", headers=headers) as client:
        yield client


@asynccontextmanager
async def run_server(*apps: FastAPI) -> AsyncIterator[tuple[Server, str, "asyncio.Task[None]"]]:
    """A real server on a free port; its task ends when it has stopped."""
    served = server(together(apps), host="127.0.0.1", port=0)
    # Signals belong to the test run.
    task = asyncio.create_task(served._serve())
    while not served.started:
        assert not task.done(), "the server did not start"
        await asyncio.sleep(0.01)
    port = served.servers[0].sockets[0].getsockname()[1]
    try:
        yield served, f"http://127.0.0.1:{port}", task
    finally:
        served.should_exit = True
        await asyncio.wait_for(task, 20)


@pytest.fixture
def running() -> Callable[..., AbstractAsyncContextManager[tuple[Server, str, "asyncio.Task[None]"]]]:
    return run_server


@pytest_asyncio.fixture
async def served(ward: FastAPI) -> AsyncIterator[str]:
    async with run_server(ward) as (_, url, _task):
        yield url


@pytest.fixture
def keys_dir(tmp_path: Path) -> Path:
    return tmp_path / "keys"
