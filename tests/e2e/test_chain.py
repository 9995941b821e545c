"""From the bedside to the country: what a nurse reports is seen nationally at once, grows old by itself, moves with its unit, and
changes the days it was about."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest

from chassis.testing.waiting import eventually

from .load import flow_body, fresh_report, producing, report_body, send_on_kafka
from .oracle import AMSTERDAM, Admission, Report, Ward
from .system import System

Send = Callable[[Ward, Report], Awaitable[None]]

_TIMES = 5


@pytest.fixture
def over_http(system: System) -> Send:
    async def send(ward: Ward, report: Report) -> None:
        answer = await system.post("/capacity/v1/reports", report_body(report, ward.source))
        assert (answer.status_code, answer.json()["is_current"]) == (202, True)

    return send


@pytest.fixture
def as_ndjson(system: System) -> Send:
    async def send(ward: Ward, report: Report) -> None:
        answer = await system.client.post(
            "/capacity/v1/reports/batch",
            content=orjson.dumps(report_body(report, ward.source)) + b"\n",
            headers={"content-type": "application/x-ndjson"},
        )
        assert [orjson.loads(line)["status"] for line in answer.text.splitlines()] == [202]

    return send


@pytest.mark.parametrize("way", ["over_http", "as_ndjson", "on_kafka"])
async def test_a_bed_that_is_taken_is_seen_nationally_within_a_second(system: System, way: str, request: pytest.FixtureRequest) -> None:
    ward = next(ward for ward in system.oracle.wards.values() if ward.care_type == "IC" and ward.roaz == "ZW")
    seconds = []
    async with _watching(system, ward) as seen, producing(system) as producer:

        async def on_kafka(ward: Ward, report: Report) -> None:
            await send_on_kafka(system, producer, ward, report)

        send: Send = on_kafka if way == "on_kafka" else request.getfixturevalue(way)
        for nth in range(_TIMES):
            report = fresh_report(ward.unit_id, total=20, open=18, occupied=nth + 1, reserved=0)
            begun = time.perf_counter()
            await send(ward, report)
            system.oracle.accepted(report)
            expected = [system.oracle.national(datetime.now(UTC))[cell]["occupied"] for cell in ward.cells]
            async with asyncio.timeout(20):
                while [seen.get(cell) for cell in ward.cells] != expected:
                    await asyncio.sleep(0.002)
            seconds.append(time.perf_counter() - begun)
    print(f"{way}: {[round(1000 * took) for took in seconds]} ms")

    # The first one may find a consumer that is still joining; on a noisy machine not every one is quick.
    assert min(seconds) < 1
    await system.assert_nothing_lost_and_nothing_twice()


async def test_a_unit_that_changes_its_cohort_takes_its_places_along(system: System) -> None:
    ward = next(ward for ward in system.oracle.wards.values() if ward.care_type == "ELV_HOOG" and ward.cohort == "GEEN")
    await _report(system, ward, fresh_report(ward.unit_id, total=20, open=20, occupied=5, reserved=0))
    path = f"/capacity/v1/units/{ward.unit_id}"
    etag = (await system.get(path)).headers["etag"]

    changed = await system.client.patch(path, json={"cohort": "COVID_VERDACHT"}, headers={"if-match": etag})

    assert (changed.status_code, changed.json()["cohort"]) == (200, "COVID_VERDACHT")
    moved = system.oracle.moved(ward, cohort="COVID_VERDACHT")
    await system.assert_nothing_lost_and_nothing_twice()
    national = await system.national()
    assert [national[cell]["occupied"] for cell in moved.cells] == [5, 5, 5]
    too_late = await system.client.patch(path, json={"cohort": "GEEN"}, headers={"if-match": etag})
    assert too_late.status_code == 412


async def test_what_is_heard_late_about_a_day_changes_that_day_of_the_feed(system: System) -> None:
    hospital = next(ward for ward in system.oracle.wards.values() if ward.care_type == "IC" and ward.cohort == "COVID_POS")
    day = (datetime.now(AMSTERDAM) - timedelta(days=3)).replace(hour=10, minute=0, second=0, microsecond=0)
    column, shown = "IC_Bedden_COVID", []

    async def heard(report: Report) -> None:
        await _report(system, hospital, report)
        await eventually(system.assert_feed, timeout=60, every=0.1)
        said = await system.feed(day.date().isoformat(), day.date().isoformat())
        shown.append(next(iter(said.values()))[column])

    morning = Report(uuid4(), 0, hospital.unit_id, day, {"occupied": 4})
    evening = Report(uuid4(), 0, hospital.unit_id, day.replace(hour=22), {"occupied": 9})
    await heard(morning)
    await heard(evening)
    await heard(Report(uuid4(), 0, hospital.unit_id, day.replace(hour=15), {"occupied": 7}))
    await heard(Report(evening.report_id, 1, hospital.unit_id, evening.observed_at, {"occupied": 8}))
    await heard(Report(evening.report_id, 2, hospital.unit_id, evening.observed_at, {}, is_retracted=True))
    assert shown == ["4", "9", "9", "8", "7"]

    admission = Admission(uuid4(), hospital.location_id, "IC", "COVID_POS", day, 3)
    for _ in range(2):
        answer = await system.post("/capacity/v1/flows", flow_body(admission))
        assert answer.status_code == 202, answer.text
        system.oracle.admitted(admission)
    await system.assert_nothing_lost_and_nothing_twice()
    said = await system.feed(day.date().isoformat(), day.date().isoformat())
    assert next(iter(said.values()))["IC_Nieuwe_Opnames_COVID"] == "3"


async def test_a_figure_that_nobody_confirms_becomes_unknown_by_itself(system: System) -> None:
    for ward in system.oracle.wards.values():
        await _report(system, ward, fresh_report(ward.unit_id, total=20, open=18, occupied=6, reserved=1))
    await system.assert_nothing_lost_and_nothing_twice()
    later = timedelta(minutes=61)

    async with _clocks_ahead(system, later):
        # Hospitals' figures live an hour, those of nursing homes half a day.
        await eventually(lambda: _assert_national_at(system, datetime.now(UTC) + later), timeout=60, every=0.1)
        national = await system.national()
        hospital, home = national["beds/NL/NL/ZIEKENHUIS/IC/COVID_POS"], national["beds/NL/NL/VVT/ELV_HOOG/COVID_POS"]
        assert (hospital["free"], hospital["units_known"], hospital["units"]) == (None, 0, 4)
        assert (home["free"], home["units_known"]) == (4 * 11, 4)
        shown = (await system.get(f"/capacity/v1/units/{_hospital_ward(system).unit_id}")).json()
        assert (shown["occupied"], shown["free"]) == (None, None)

    for ward in system.oracle.wards.values():
        await _report(system, ward, fresh_report(ward.unit_id, total=20, open=18, occupied=3, reserved=1))
    await system.assert_nothing_lost_and_nothing_twice()


@asynccontextmanager
async def _watching(system: System, ward: Ward) -> AsyncIterator[dict[str, Any]]:
    """The stream as a reader sees it: the occupied beds of every figure of the ward's kind, as last heard."""
    seen: dict[str, Any] = {}
    query = {"sector": ward.sector, "care_type": ward.care_type, "cohort": ward.cohort}

    async def watch() -> None:
        async with system.client.stream("GET", "/reporting/v1/national/stream", params=query, timeout=30) as stream:
            assert stream.status_code == 200
            name = ""
            async for line in stream.aiter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif not line:
                    name = ""
                elif line.startswith("data: ") and not name:
                    figure = orjson.loads(line.removeprefix("data: "))
                    key = "/".join(["beds", *(figure[part] for part in ("level", "region", "sector", "care_type", "cohort"))])
                    seen[key] = figure["occupied"]

    watcher = asyncio.create_task(watch())
    try:
        await eventually(lambda: watcher.done() or all(cell in seen for cell in ward.cells), timeout=60, what="the whole picture")
        yield seen
    finally:
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)


@asynccontextmanager
async def _clocks_ahead(system: System, by: timedelta) -> AsyncIterator[None]:
    """The databases' clocks go ahead, as if so much time had passed."""
    for service in ("capacity", "reporting"):
        async with system.database(service) as connection:
            await connection.execute("insert into clock_shift (shift) values ($1)", by)
    try:
        yield
    finally:
        for service in ("capacity", "reporting"):
            async with system.database(service) as connection:
                await connection.execute("delete from clock_shift")


async def _assert_national_at(system: System, moment: datetime) -> bool:
    assert await system.national() == system.oracle.national(moment)
    return True


async def _report(system: System, ward: Ward, report: Report) -> None:
    answer = await system.post("/capacity/v1/reports", report_body(report, ward.source))
    assert answer.status_code == 202, answer.text
    system.oracle.accepted(report)


def _hospital_ward(system: System) -> Ward:
    return next(ward for ward in system.oracle.wards.values() if ward.sector == "ZIEKENHUIS")
