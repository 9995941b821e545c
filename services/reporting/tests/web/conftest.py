"""A made-up country for looking at the page: a live picture and its stream that do what a test tells them."""

import asyncio
import json
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI, Query
from playwright.async_api import Browser, Page, async_playwright
from starlette.requests import Request
from starlette.responses import Response

from chassis.database.sql import Database
from chassis.http.app import create_app
from chassis.http.sse import end_streams, event, sse_response
from chassis.security.keys import ensure_keys
from chassis.settings import ServiceSettings
from chassis.standing.health import Health
from contracts.codes import CareType, Cohort, Level, Sector
from contracts.geography import safety_regions
from reporting.entrypoints.web.pages import add_pages

GENERATION = 2**40


@dataclass(frozen=True, slots=True)
class Beds:
    region: str
    sector: Sector
    care_type: CareType
    cohort: Cohort
    total: int | None = None
    open: int | None = None
    occupied: int | None = None
    reserved: int | None = None
    free: int | None = None
    available: int | None = None
    held: int = 0
    units: int = 1
    units_known: int = 1
    oldest_observed_at: datetime | None = None
    newest_observed_at: datetime | None = None
    incomplete: bool = False
    version: int = GENERATION
    level: Level = Level.VR
    figure: str = "beds"

    @property
    def key(self) -> str:
        return f"beds/{self.level}/{self.region}/{self.sector}/{self.care_type}/{self.cohort}"

    def message(self) -> bytes:
        return event(json.dumps(asdict(self), default=lambda instant: instant.isoformat()).encode())


def beds(
    region: str, sector: Sector, care_type: CareType, cohort: Cohort, *, open_: int, occupied: int, units: int = 1, minutes: float = 5
) -> Beds:
    """Figures that fit together, observed some minutes ago."""
    now = datetime.now(UTC)
    return Beds(
        region, sector, care_type, cohort,
        total=open_ + open_ // 12, open=open_, occupied=occupied, reserved=0, free=open_ - occupied, available=open_ - occupied,
        units=units, units_known=units, oldest_observed_at=now - timedelta(minutes=minutes), newest_observed_at=now - timedelta(seconds=2),
    )  # fmt: skip


# Per million inhabitants: how many open places in how many units, and how full they are.
SUPPLY = (
    (Sector.ZIEKENHUIS, CareType.IC, Cohort.COVID_POS, 34, 4.3, 0.93, 60),
    (Sector.ZIEKENHUIS, CareType.IC, Cohort.GEEN, 27, 4.3, 0.86, 60),
    (Sector.ZIEKENHUIS, CareType.KLINIEK, Cohort.COVID_POS, 118, 4.3, 0.9, 60),
    (Sector.ZIEKENHUIS, CareType.KLINIEK, Cohort.COVID_VERDACHT, 22, 3, 0.7, 60),
    (Sector.ZIEKENHUIS, CareType.KLINIEK, Cohort.GEEN, 1180, 6, 0.91, 60),
    (Sector.VVT, CareType.ELV_LAAG, Cohort.GEEN, 95, 18, 0.93, 500),
    (Sector.VVT, CareType.ELV_LAAG, Cohort.COVID_NEG, 12, 3, 0.95, 500),
    (Sector.VVT, CareType.ELV_HOOG, Cohort.GEEN, 190, 30, 0.965, 500),
    (Sector.VVT, CareType.ELV_HOOG, Cohort.COVID_POS, 14, 3, 0.9, 500),
    (Sector.VVT, CareType.ELV_PALLIATIEF, Cohort.GEEN, 30, 7, 0.9, 500),
    (Sector.VVT, CareType.GRZ, Cohort.GEEN, 330, 15, 0.95, 500),
    (Sector.VVT, CareType.GRZ, Cohort.COVID_POS, 18, 2, 0.88, 500),
    (Sector.VVT, CareType.WLZ_CRISIS, Cohort.GEEN, 26, 8, 0.94, 600),
    (Sector.VVT, CareType.WLZ_REGULIER, Cohort.GEEN, 3900, 90, 0.988, 600),
    (Sector.VVT, CareType.WZD_PLEK, Cohort.GEEN, 60, 8, 0.985, 600),
    (Sector.VVT, CareType.CORONA_UNIT, Cohort.COVID_POS, 62, 5, 0.7, 400),
    (Sector.VVT, CareType.CORONA_UNIT, Cohort.COVID_VERDACHT, 16, 3, 0.55, 400),
    (Sector.VVT, CareType.HOSPICE, Cohort.GEEN, 40, 6, 0.85, 600),
    (Sector.VVT, CareType.RESPIJT, Cohort.GEEN, 24, 5, 0.9, 600),
    (Sector.TIJDELIJKE_LOCATIE, CareType.CORONACENTRUM, Cohort.COVID_POS, 9, 0.5, 0.4, 200),
    (Sector.GGZ, CareType.GGZ_CRISIS, Cohort.GEEN, 31, 4, 0.94, 200),
)  # fmt: skip


def a_country(seed: int = 4) -> list[Beds]:
    """About the Netherlands of a winter night: every region, its figures of different ages, some units unknown."""
    dice = random.Random(seed)
    country = []
    for region in safety_regions().values():
        people = region.population / 1_000_000
        for sector, care_type, cohort, places, per_million, filled, age in SUPPLY:
            units = round(people * per_million * dice.uniform(0.8, 1.2))
            if not units:
                continue
            open_ = max(units, round(people * places * dice.uniform(0.85, 1.15)))
            occupied = min(open_, round(open_ * min(1, dice.gauss(filled, 0.03))))
            made = beds(
                region.code, sector, care_type, cohort, open_=open_, occupied=occupied, units=units, minutes=dice.uniform(0.3, 0.95) * age
            )
            held = sum(dice.random() < 0.1 for _ in range(units))
            made = replace(made, held=held, available=max(0, open_ - occupied - held))
            unknown = min(units, sum(dice.random() < 0.03 for _ in range(units)))
            if unknown == units:
                made = replace(
                    made,
                    total=None,
                    open=None,
                    occupied=None,
                    reserved=None,
                    free=None,
                    available=None,
                    oldest_observed_at=None,
                    newest_observed_at=None,
                )
            country.append(replace(made, units_known=units - unknown))
    return country


class Country:
    """The live picture, its stream, and the ways in which both can fail."""

    def __init__(self, figures: Iterable[Beds] = ()) -> None:
        """Begin alive."""
        self._figures = {figure.key: figure for figure in figures}
        self._readers: set[asyncio.Queue[bytes | None]] = set()
        self._heard_at: datetime | None = None
        self.is_gone = False
        self.is_mute = False
        self.tick_seconds = 1.0
        self.connections = 0

    # The page's port.

    @property
    def heard_at(self) -> datetime | None:
        return self._heard_at or datetime.now(UTC)

    def figures(self) -> Iterable[Beds]:
        return self._figures.values()

    # What a test makes happen. Tests cannot import from here, so the country makes its figures too.

    beds = staticmethod(beds)

    def figure(self, key: str) -> Beds:
        return self._figures[key]

    def changes(self, figure: Beds) -> Beds:
        """A newer version of a figure, told to everyone who listens."""
        known = self._figures.get(figure.key)
        newer = replace(figure, version=(known.version if known else GENERATION) + 1, newest_observed_at=datetime.now(UTC))
        self._figures[figure.key] = newer
        self.tells(newer.message())
        return newer

    def tells(self, message: bytes) -> None:
        for reader in self._readers:
            reader.put_nowait(message)

    def kafka_falls_silent(self, since: datetime | None = None) -> None:
        self._heard_at = since or datetime.now(UTC)

    def kafka_is_back(self) -> None:
        self._heard_at = None

    def loses_its_readers(self) -> None:
        """As when the process dies behind a gateway: streams end, and the next tries get a 502."""
        self.is_gone = True
        for reader in self._readers:
            reader.put_nowait(None)

    def falls_mute(self) -> None:
        """As when a line is cut somewhere on the way: nothing arrives, on open streams and on new ones."""
        self.is_mute, self.tick_seconds = True, 3600

    async def stream(self) -> AsyncIterator[bytes]:
        reader: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._readers.add(reader)
        try:
            while self.is_mute:
                # The line was cut without anybody noticing: no word comes, and the comments of the server do not reach a script.
                await reader.get()
            yield b"".join(figure.message() for figure in self._figures.values()) + self._tick()
            while True:
                try:
                    message = await asyncio.wait_for(reader.get(), self.tick_seconds)
                except TimeoutError:
                    if not self.is_mute:
                        yield self._tick()
                    continue
                if message is None:
                    return
                yield message
        finally:
            self._readers.discard(reader)

    @property
    def readers(self) -> int:
        return len(self._readers)

    def _tick(self) -> bytes:
        heard = self.heard_at
        return event(
            json.dumps({"now": datetime.now(UTC).isoformat(), "heard_at": heard.isoformat() if heard else None}).encode(), name="tick"
        )


def app_of(country: Country, keys: Path) -> FastAPI:
    """The page as reporting serves it, above a made-up picture."""
    ensure_keys(keys)
    # Its health plays no part here; its errors and its headers do.
    app = create_app(
        service="reporting",
        title="A made-up country",
        settings=ServiceSettings(keys_dir=keys),
        lifespan=lambda _: nullcontext(),
        routers=[],
        health=Health(Database(""), []),
    )
    app.state.picture = country
    add_pages(app)

    @app.get("/reporting/v1/national/stream")
    async def stream(request: Request, level: str = "", every_ms: int = Query(0)) -> Response:
        country.connections += 1
        return Response(status_code=502) if country.is_gone else sse_response(country.stream())

    return app


@pytest.fixture
def country() -> Country:
    return Country(a_country())


@pytest.fixture(scope="session")
def a_country_to_measure() -> Country:
    """One for all examples of a property: it only makes figures."""
    return Country()


@asynccontextmanager
async def served(country: Country, keys: Path) -> AsyncIterator[str]:
    """The page of this country on a free port of the loopback address."""
    server = uvicorn.Server(
        uvicorn.Config(app_of(country, keys), host="127.0.0.1", port=0, log_level="warning", timeout_graceful_shutdown=1)
    )
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        end_streams()
        server.should_exit = True
        await serving


@pytest.fixture
async def base(country: Country, tmp_path: Path) -> AsyncIterator[str]:
    async with served(country, tmp_path) as address:
        yield address


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        # The sandbox needs rights that containers do not give; the pages are our own. The rest keeps the browser from the network.
        browser = await playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield browser
        await browser.close()


@pytest.fixture
async def open_page(browser: Browser, base: str) -> AsyncIterator[Callable[..., Awaitable[Page]]]:
    """Opens the national page and waits until it is live; at the end no page may have broken its own policy or a script."""
    troubles: list[str] = []
    contexts = []

    async def open_it(
        query: str = "",
        *,
        width: int = 1440,
        theme: str = "light",
        is_live: bool = True,
        has_script: bool = True,
        has_own_clock: bool = False,
    ) -> Page:
        context = await browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=theme,
            locale="en-US",
            timezone_id="America/New_York",
            java_script_enabled=has_script,
        )
        contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(8_000)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda said: troubles.append(said.text) if "Content Security Policy" in said.text else None)
        if has_own_clock:
            await page.clock.install()
        await page.goto(f"{base}/rapportage/landelijk{query}")
        if is_live:
            await page.locator("#live.is-on").wait_for()
        return page

    yield open_it
    for context in contexts:
        await context.close()
    assert troubles == []
