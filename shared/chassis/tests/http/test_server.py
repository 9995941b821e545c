"""One process serves several services, and nobody can tell."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.responses import PlainTextResponse

from chassis.database.sql import Database
from chassis.http.app import create_app
from chassis.http.route import Router
from chassis.http.server import apis, together
from chassis.settings import ServiceSettings
from chassis.standing.health import Health


def an_app(service: str, settings: ServiceSettings, events: list[str], *, page: str | None = None) -> FastAPI:
    router, pages = Router(), APIRouter()

    @router.get("/whoami")
    async def whoami() -> dict[str, str]:
        return {"service": service}

    if page is not None:

        @pages.get(page)
        async def shown() -> PlainTextResponse:
            return PlainTextResponse("een bladzijde")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        events.append(f"{service} opens")
        yield
        events.append(f"{service} closes")

    health = Health(Database("postgresql://nobody@127.0.0.1:1/nowhere"))
    return create_app(service=service, title=service, settings=settings, lifespan=lifespan, routers=[router], health=health, pages=[pages])


def client(*served: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(together(served)), base_url="http://schakel")


async def test_the_first_segment_of_a_path_says_whose_it_is(settings: ServiceSettings) -> None:
    async with client(an_app("ward", settings, []), an_app("reception", settings, [], page="/balie/vandaag")) as browser:
        assert (await browser.get("/ward/v1/whoami")).json() == {"service": "ward"}
        assert (await browser.get("/reception/v1/whoami")).json() == {"service": "reception"}
        assert (await browser.get("/balie/vandaag")).text == "een bladzijde"
        assert (await browser.get("/ward/health/live")).json() == {"live": True}


async def test_the_documentation_needs_nobody_elses_server(settings: ServiceSettings) -> None:
    async with client(an_app("ward", settings, [])) as browser:
        page = (await browser.get("/ward/docs")).text
        assert '"/ward/openapi.json"' in page.replace("'", '"')
        for asset in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"):
            assert f'"/ward/docs/assets/{asset}"' in page
            assert (await browser.get(f"/ward/docs/assets/{asset}")).status_code == 200
        assert "http" not in page, "nothing of it comes from elsewhere"


async def test_the_root_is_the_way_in_for_people(settings: ServiceSettings) -> None:
    async with client(an_app("ward", settings, [])) as browser:
        answer = await browser.get("/")
        assert (answer.status_code, answer.headers["location"]) == (307, "/rapportage/landelijk")


@pytest.mark.parametrize("path", ["/elsewhere", "//", "/WARD/v1/whoami", "/.env"])
async def test_what_belongs_to_nobody_is_not_found(settings: ServiceSettings, path: str) -> None:
    async with client(an_app("ward", settings, [])) as browser:
        answer = await browser.get(f"http://schakel{path}")

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_two_services_cannot_want_the_same_paths(settings: ServiceSettings) -> None:
    with pytest.raises(ValueError, match="/ward"):
        together([an_app("ward", settings, []), an_app("ward", settings, [])])


async def test_a_plain_router_is_refused_because_its_routes_would_ignore_what_ours_refuse(settings: ServiceSettings) -> None:
    plain = APIRouter()
    plain.add_api_route("/x", lambda: None)

    with pytest.raises(ValueError, match="/ward/v1/x"):
        create_app(service="ward", title="Ward", settings=settings, lifespan=_none, routers=[plain], health=Health(Database("")))


def test_a_plain_function_is_refused_because_it_would_run_in_a_thread_and_wait_there() -> None:
    def seen() -> str:
        return "seen"

    router = Router()
    with pytest.raises(ValueError, match="coroutines"):

        @router.get("/x")
        async def get_x(who: Annotated[str, Depends(seen)]) -> str:
            return who


async def test_all_open_before_the_first_request_and_close_after_the_last(settings: ServiceSettings, running: Callable[..., Any]) -> None:
    events: list[str] = []
    async with (
        running(an_app("ward", settings, events), an_app("reception", settings, events)) as (_, url, _task),
        httpx.AsyncClient() as browser,
    ):
        assert (await browser.get(f"{url}/ward/v1/whoami")).status_code == 200
        assert events == ["ward opens", "reception opens"]

    assert events == ["ward opens", "reception opens", "reception closes", "ward closes"]


async def test_a_large_body_is_refused_and_the_connection_lives_on(served: str, provider: httpx.AsyncClient) -> None:
    async def too_much() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b" " * 65_536

    headers = {**provider.headers, "Content-Type": "application/json"}
    async with httpx.AsyncClient(headers=headers, limits=httpx.Limits(max_connections=1)) as browser:
        for content in (b" " * 4_000_000, too_much()):
            assert (await browser.post(f"{served}/ward/v1/reports", content=content)).status_code == 413
        assert (await browser.get(f"{served}/ward/health/live")).status_code == 200


async def test_the_metrics_count_by_route_and_never_by_what_was_asked(anonymous: httpx.AsyncClient) -> None:
    await anonymous.get("/ward/v1/units?vr=VR03")
    await anonymous.request("KOEKOEK", "/ward/v1/geheim")
    text = (await anonymous.get("/ward/metrics")).text

    assert 'schakel_http_requests_total{method="GET",route="/units",service="ward",status="200"}' in text
    assert 'schakel_http_request_seconds_bucket{le="0.005",method="GET",route="/units",service="ward"}' in text
    assert "geheim" not in text
    assert "KOEKOEK" not in text


async def test_a_command_that_we_could_not_take_is_counted_and_a_check_that_says_not_ready_is_none(
    anonymous: httpx.AsyncClient, provider: httpx.AsyncClient
) -> None:
    async def failed() -> tuple[float, float]:
        text = (await anonymous.get("/ward/metrics")).text
        found = re.findall(r'schakel_http_failed_total{kind="(\w+)",service="ward"} (\S+)', text)
        counted = {kind: float(count) for kind, count in found}
        # There before the first one, so that the first one is an increase.
        return counted["command"], counted["reading"]

    commands, readings = await failed()
    assert (
        await provider.post("/ward/v1/batch-away", content=b"{}\n", headers={"Content-Type": "application/x-ndjson"})
    ).status_code == 503
    for path, status in (("v1/away", 503), ("v1/broken", 500), ("v1/units?limit=-1", 422), ("health/ready", 503)):
        assert (await anonymous.get(f"/ward/{path}")).status_code == status

    assert await failed() == (commands + 1, readings + 2)


async def test_while_the_database_is_away_the_metrics_say_so(anonymous: httpx.AsyncClient) -> None:
    assert 'schakel_database_up{service="ward"} 0.0' in (await anonymous.get("/ward/metrics")).text


def test_a_service_that_nobody_announces_is_named() -> None:
    with pytest.raises(LookupError, match="koekoek"):
        apis(["koekoek"])


@asynccontextmanager
async def _none(_: FastAPI) -> AsyncIterator[None]:
    yield
