"""What patients and their nurses are owed when it goes wrong around them, on servers whose power is cut and whose files are read."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import orjson

from chassis.testing.waiting import eventually
from contracts.registry import TOPICS

from .conftest import Fragile
from .kafka_log import faults_in_order
from .marks import Marked, Marks
from .patients import LIFE_IN_DANGER, NEEDS_A_BED, Case, Region, Unit, region

# 60 by hand.
KAFKA_DOWN_SECONDS = float(os.environ.get("KAFKA_DOWN_SECONDS", "15"))


async def test_while_kafka_is_down_a_nurse_registers_assesses_and_hands_over_and_afterwards_all_of_it_arrives_once_in_order(
    fragile_whole: Fragile,
) -> None:
    system = fragile_whole.system
    async with region(system) as people:
        await people.ask(await people.case(), "ELV_LAAG")
        await system.settled()
        before = len(await system.log.records("triage.cases.v1"))
        fragile_whole.kafka.kill()
        registered: list[Case] = []
        handed_over: set[UUID] = set()
        waited: list[float] = []
        end = asyncio.get_running_loop().time() + KAFKA_DOWN_SECONDS
        while (begun := asyncio.get_running_loop().time()) < end:
            case = await people.case()
            if len(registered) % 3:
                assert await people.assess(case, NEEDS_A_BED) == "U3"
                path = f"/triage/v1/cases/{case.case_id}/placement-request"
                case.tag = (await people.done(people.nurse, "POST", path, people.wanted("ELV_LAAG"), tag=case.tag)).headers["etag"]
            else:
                assert await people.assess(case, LIFE_IN_DANGER) == "U1"
                shown = (await people.nurse.get(f"/triage/v1/cases/{case.case_id}")).json()
                assert shown["handed_over_at"] is not None
                handed_over.add(case.case_id)
            waited.append(asyncio.get_running_loop().time() - begun)
            registered.append(case)
            await asyncio.sleep(0.2)
        assert len(await _queue(people)) >= len(registered) - len(handed_over)
        assert await system.unsent("triage") >= 2 * len(registered)
        await fragile_whole.kafka.start()

        print(f"{len(registered)} patients while Kafka was down, the slowest took {max(waited):.2f} s")
        assert sorted(waited)[len(waited) // 2] < 1
        # Workers that lost their broker end and come back; a nurse need not know.
        await system.settled(180)
        system.ended.clear()
        records = await system.log.records("triage.cases.v1")
        assert faults_in_order(records) == []
        told: dict[str, list[str]] = {}
        for seen in {seen.id: seen for seen in records}.values():
            told.setdefault(seen.key, []).append(seen.headers["ce_type"].split(".")[-2])
        assert len(records) - before >= 2 * len(registered)
        for case in registered:
            last = "case-handed-over" if case.case_id in handed_over else "placement-requested"
            assert told[str(case.case_id)] == ["case-registered", "case-assessed", last]
        for case in registered:
            status = (await people.coordinator.get(f"/placement/v1/requests/{case.case_id}")).status_code
            assert status == (404 if case.case_id in handed_over else 200)
        for topic in ("placement.placements.v1", "placement.holds.v1"):
            assert faults_in_order(await system.log.records(topic)) == []


async def _queue(people: Region) -> list[Any]:
    return list((await people.nurse.get("/triage/v1/cases", params={"limit": "200"})).json()["items"])


async def test_nobody_can_be_recognised_anywhere_but_in_the_vault_and_there_it_is_sealed(fragile_whole: Fragile) -> None:
    system = fragile_whole.system
    marks = Marks()
    patients = [marks.patient() for _ in range(40)]
    with_live: list[bytes] = []
    async with region(system) as people:
        units = await people.units(3, "WZD_PLEK", places=40)
        async with _listening(people, with_live):
            shown = await asyncio.gather(*(_a_marked_journey(people, patient, units, nth) for nth, patient in enumerate(patients)))
            await asyncio.gather(*(_what_goes_wrong(people, patient) for patient in patients[:6]))
            await system.settled()
        # They did go in: those who accepted a patient were told who it is.
        assert sorted(filter(None, shown)) == sorted(patient.name for nth, patient in enumerate(patients) if nth % 8 > 2)
        places = await _everywhere(fragile_whole, people)
        answers = [
            (exchange.answer.request.url.path, exchange.answer) for exchange in people.exchanges if not exchange.url.endswith("/patient")
        ]
    for url, answer in answers:
        written = b"\n".join([answer.content, *(name + b": " + value for name, value in answer.headers.raw)])
        places[f"answer {answer.status_code} of {url}"] = places.get(f"answer {answer.status_code} of {url}", b"") + written
    for exchange in people.exchanges:
        # What a driver itself put into an address is not ours; the addresses that are given out are in the answers.
        assert exchange.answer.status_code < 500, f"{exchange.url}: {exchange.answer.text}"
    places["live streams"] = b"\n".join(with_live)

    found = {place: marks.found_in(content) for place, content in places.items()}
    files = [file for folder in (*fragile_whole.folders, system.folder) for file in folder.rglob("*") if file.is_file()]
    found |= {str(file): marks.found_in_file(file) for file in files}

    # It was looked for where it would be.
    for place in ("triage.vault.patient", "triage.timeline.facts", "placement.offers.token", "topic triage.cases.v1", "metrics of triage"):
        assert any(content for name, content in places.items() if name.startswith(place)), place
    assert len([file for file in files if file.suffix == ".log" and file.stat().st_size]) > len(system.services)
    assert len(with_live) > 50
    assert {place: values for place, values in found.items() if values} == {}


async def _a_marked_journey(people: Region, patient: Marked, units: list[Unit], nth: int) -> str | None:
    """One of the ways that a patient may go; gives the name as the accepting provider saw it."""
    case = await people.case(patient.patient, patient.complaint)
    if nth % 8 == 0:
        await people.assess(case, LIFE_IN_DANGER)
        return None
    await people.assess(case, NEEDS_A_BED)
    await people.wish(case, patient.wish, patient.recorded_by)
    await people.ask(case, "WZD_PLEK")
    if nth % 8 == 1:
        body = {"outcome": "OVERLEDEN"}
        await people.done(people.nurse, "POST", f"/triage/v1/cases/{case.case_id}/closure", body, tag=case.tag)
        return None
    offers = await people.offer(case, [units[nth % 3], units[(nth + 1) % 3]])
    if nth % 8 == 2:
        await people.decline(offers[0])
        await people.cancel(case)
        return None
    accepted = await people.accept(offers[0])
    assert accepted.status_code == 200
    path = f"/triage/v1/cases/{case.case_id}/patient"

    async def is_shown() -> bool:
        return (await people.say(people.provider(offers[0].unit), "GET", path)).status_code == 200

    await eventually(is_shown, timeout=60, every=0.2, what="the accepting provider to see who comes")
    seen = (await people.say(people.provider(offers[0].unit), "GET", path)).json()
    # Nobody else does, and what is said to them says nothing.
    for other in (people.coordinator, people.client("provider", "another"), people.client("admin")):
        assert (await people.say(other, "GET", path)).status_code in {403, 404}
    await people.say(people.nurse, "GET", f"/triage/v1/cases/{case.case_id}")
    await people.say(people.nurse, "GET", f"/triage/v1/cases/{case.case_id}/timeline")
    tag = accepted.headers["etag"]
    if nth % 2:
        await people.step(offers[0], "release", tag, {"reason": "VERVOER"})
        await people.cancel(case)
    else:
        await people.step(offers[0], "admission", await people.step(offers[0], "transport", tag))
    return str(seen["patient"]["name"] if "patient" in seen else seen["name"])


async def _what_goes_wrong(people: Region, patient: Marked) -> None:
    """Calls that are refused, each with what must not come back in the refusal or be written down because of it."""
    good = people.contact(patient.patient, patient.complaint)
    case = await people.case(patient.patient, patient.complaint)
    one = f"/triage/v1/cases/{case.case_id}"
    wishes = {"hospital": {"choice": patient.wish, "text": patient.wish}, "recorded_by": patient.recorded_by, "recorded_at": patient.name}
    key = patient.recorded_by.split()[-1]
    wrong: list[tuple[str, str, object]] = [
        ("POST", "/triage/v1/cases", {**good, "patient": {**patient.patient, "bsn": patient.name}}),
        ("POST", "/triage/v1/cases", {**good, "patient": {**patient.patient, "birth_date": patient.complaint}}),
        ("POST", "/triage/v1/cases", {**good, "patient": patient.name}),
        ("POST", "/triage/v1/cases", {**good, "channel": patient.name}),
        ("POST", "/triage/v1/cases", {**good, "complaint": [patient.complaint]}),
        ("POST", "/triage/v1/cases", {**good, "complaint": "\x00" + patient.complaint}),
        ("POST", "/triage/v1/cases", {**good, "needs": {"lift": patient.name, patient.name: True}}),
        ("POST", "/triage/v1/cases", {**good, patient.name: patient.phone}),
        ("POST", "/triage/v1/cases", [patient.name]),
        ("POST", "/triage/v1/cases", {**good, "complaint": patient.complaint * 90_000}),
        ("PUT", f"{one}/treatment-wishes", wishes),
        ("PUT", f"{one}/assessment", {"protocol": patient.name, "version": patient.phone, "complaint": patient.complaint, "answers": {}}),
        ("PUT", f"{one}/assessment", {"protocol": patient.name, "answers": {patient.name: patient.bsn}, "pain": patient.bsn}),
        ("POST", f"{one}/placement-request", {**people.wanted("WZD_PLEK"), "care_type": patient.name, "region": patient.phone}),
        ("POST", f"{one}/closure", {"outcome": patient.name}),
        ("GET", f"/triage/v1/cases?name={patient.name.split()[-1]}", None),
        ("GET", f"/triage/v1/cases?vr={patient.bsn}&cursor={patient.phone.split()[-1]}", None),
        ("GET", f"/triage/v1/cases/{patient.bsn}", None),
        ("GET", f"/triage/v1/{patient.name.split()[-1]}", None),
        ("POST", f"/placement/v1/requests/{case.case_id}/cancellation", {"reason": patient.name}),
        ("POST", f"/placement/v1/offers/{uuid4()}/decline", {"token": patient.name, "reason": patient.complaint}),
        ("POST", f"/placement/v1/placements/{uuid4()}/release", {"reason": patient.complaint}),
        ("POST", "/capacity/v1/reports", {"report_id": patient.name, "unit_id": patient.bsn, "source": patient.complaint}),
    ]
    for method, path, body in wrong:
        answer = await people.say(people.nurse, method, path, body, tag=case.tag)
        assert answer.is_client_error or patient.name in str(body), f"{method} {path}: {answer.status_code}"
    for content in (orjson.dumps(good)[:-3], b"\xff" + orjson.dumps(good), patient.name.encode()):
        assert (await people.say(people.nurse, "POST", "/triage/v1/cases", content=content)).is_client_error
    # The same key with other words; a tag that is none; a token that is none.
    assert (await people.say(people.nurse, "POST", "/triage/v1/cases", good, key=str(case.case_id))).status_code == 201
    assert (
        await people.say(people.nurse, "POST", "/triage/v1/cases", {**good, "complaint": patient.wish}, key=str(case.case_id))
    ).status_code == 422
    assert (await people.say(people.nurse, "POST", f"{one}/closure", {"outcome": "ADVIES"}, tag=f'"{key}"')).is_client_error
    stranger = {"authorization": f"Bearer {key}"}
    answer = await people.nurse.get(one, headers=stranger)
    assert (answer.status_code, key in answer.text) == (401, False)


@asynccontextmanager
async def _listening(people: Region, heard: list[bytes]) -> AsyncIterator[None]:
    """All live lists, as those who may see everything but who the patients are see them."""
    paths = ("/triage/v1/cases/stream", "/placement/v1/requests/stream", "/placement/v1/offers/stream", "/capacity/v1/board/stream")

    async def follow(path: str) -> None:
        async with people.nurse.stream("GET", path, timeout=None) as answer:
            assert answer.status_code == 200
            async for line in answer.aiter_lines():
                heard.append(line.encode())  # noqa: PERF401  the stream has no end

    following = [asyncio.create_task(follow(path)) for path in paths]
    try:
        yield
        assert not any(task.done() for task in following), "a stream ended"
    finally:
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)


async def _everywhere(servers: Fragile, people: Region) -> dict[str, bytes]:
    """All that lies on Kafka, is measured, or stands in a table, by where it was found."""
    system = servers.system
    places: dict[str, bytes] = {}
    for topic in TOPICS:
        for seen in await system.log.records(topic.name):
            headers = "\n".join(f"{name}: {value}" for name, value in seen.headers.items())
            place = f"topic {topic.name}, {seen.headers.get('ce_type')}"
            places[place] = places.get(place, b"") + b"\n".join((seen.key.encode(), headers.encode(), seen.body, b""))
    for service in system.services:
        places[f"metrics of {service}"] = (await people.client("admin").get(f"/{service}/metrics")).content
        for page in ("openapi.json", "health/ready", "health/startup"):
            places[f"{page} of {service}"] = (await people.client("admin").get(f"/{service}/{page}")).content
        async with system.database(service) as connection:
            tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
            for [table] in tables:
                columns = await connection.fetch(
                    "select column_name, data_type from information_schema.columns where table_schema = 'public' and table_name = $1", table
                )
                for column, kind in columns:
                    # What is kept as bytes is looked at as bytes.
                    chosen = f'"{column}"' if kind == "bytea" else f'"{column}"::text'
                    values = await connection.fetch(f'select {chosen} as value from "{table}"')
                    written = [value if isinstance(value, bytes) else value.encode() for [value] in values if value is not None]
                    places[f"{service}.{table}.{column}"] = b"\n".join(written)
    return places
