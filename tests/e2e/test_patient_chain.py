"""From a call to a held place, on real servers and processes: shown at once, never given twice, never lost, and never by name."""

import asyncio
import itertools
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
import pytest_asyncio

from chassis.testing.waiting import eventually

from .busy_day import BusyDay
from .checker import faults
from .kafka_log import Seen, faults_in_order, sent_twice
from .patients import NEEDS_A_BED, Case, Offer, Region, Unit, made, region
from .stalling import committing_takes_long, waits_for_a_lock
from .system import API, CAPACITY_RELAY, CAPACITY_WORKER, REPORTING_WORKER, System

PLACEMENT_WORKER = "placement worker"
TRIAGE_WORKER = "triage worker"
AT_ONCE_SECONDS = 2.0
# 180 by hand.
CHAOS_SECONDS = float(os.environ.get("CHAOS_SECONDS", "40"))
CHAOS_RATE = 20.0
_CHAOS_UNITS = 3
_KILLED_EVERY_SECONDS = 5.0
# Each relay and each worker, the API alone and with the one that publishes what it has just answered.
_VICTIMS = ((API, PLACEMENT_WORKER), (CAPACITY_WORKER, REPORTING_WORKER), (API, TRIAGE_WORKER), (PLACEMENT_WORKER, CAPACITY_RELAY))


@pytest_asyncio.fixture
async def people(whole_system: System) -> AsyncIterator[Region]:
    async with region(whole_system) as running:
        yield running
    assert whole_system.ended == [], "something ended that nobody killed"


async def test_one_call_leads_from_intake_to_a_held_place_and_the_country_sees_it_at_once(people: Region) -> None:
    first = await people.unit("zorggroep-a", "ELV_LAAG", places=5, occupied=4)
    second = await people.unit("zorggroep-b", "ELV_LAAG", places=8, occupied=6)
    await people.known([first, second])
    await people.national_says(first, free=3, held=0, available=3)

    case = await people.case({"name": "J. de Vries"})
    urgency = await people.assess(case, NEEDS_A_BED)
    assert urgency == "U3"
    await people.ask(case, "ELV_LAAG")
    candidates = (await people.coordinator.get(f"/placement/v1/requests/{case.case_id}/candidates")).json()
    assert {item["unit_id"] for item in candidates["items"]} == {str(first.unit_id), str(second.unit_id)}

    async with _watching(people, first) as seen:
        offers = await people.offer(case, [first, second])
        await asyncio.gather(
            people.national_says(first, within=AT_ONCE_SECONDS, free=3, held=2, available=1),
            people.board_says(first, within=AT_ONCE_SECONDS, free=1, held=1, available=0),
            people.board_says(second, within=AT_ONCE_SECONDS, free=2, held=1, available=1),
        )

        accepted = await people.accept(offers[0])
        assert accepted.status_code == 200
        await asyncio.gather(
            people.national_says(first, within=AT_ONCE_SECONDS, free=3, held=1, available=2),
            people.board_says(second, within=AT_ONCE_SECONDS, free=2, held=0, available=2),
        )
        assert (await people.accept(offers[1])).status_code == 409

        seen.clear()
        tag = await people.step(offers[0], "transport", accepted.headers["etag"])
        await people.step(offers[0], "admission", tag)
        await eventually(lambda: _status(people, offers[0], "ADMITTED"), timeout=30)
        await people.report(first, places=5, occupied=5, includes_holds=[offers[0].offer_id])
        await eventually(lambda: _status(people, offers[0], "ABSORBED"), timeout=60, what="the report to absorb the hold")
        await people.board_says(first, free=0, held=0, available=0)
        await people.national_says(first, free=2, held=0, available=2)
    # Shown once all the way: never as free in between, and never as taken twice for longer than the two facts take to meet.
    assert {figure["available"] for figure in seen} <= {1, 2}
    request = (await people.coordinator.get(f"/placement/v1/requests/{case.case_id}")).json()
    assert (request["status"], request["ended"]) == ("CLOSED", "ADMITTED")


@asynccontextmanager
async def _watching(people: Region, unit: Unit) -> AsyncIterator[list[dict[str, Any]]]:
    """The national figure of the unit's cell, each time that it changes."""
    seen: list[dict[str, Any]] = []

    async def follow() -> None:
        query = {"level": "NL", "care_type": unit.care_type, "cohort": "GEEN", "sector": "VVT"}
        async with people.client("lcps").stream("GET", "/reporting/v1/national/stream", params=query, timeout=None) as answer:
            assert answer.status_code == 200
            async for line in answer.aiter_lines():
                if line.startswith("data:") and "available" in line:
                    seen.append(orjson.loads(line.removeprefix("data:")))  # noqa: PERF401  the stream has no end

    following = asyncio.create_task(follow())
    try:
        await eventually(lambda: bool(seen), timeout=10, what="the national stream")
        yield seen
    finally:
        following.cancel()
        with pytest.raises(asyncio.CancelledError):
            await following


async def _status(people: Region, offer: Offer, status: str) -> bool:
    return bool((await people.client("admin").get(f"/placement/v1/offers/{offer.offer_id}")).json()["status"] == status)


async def test_fifty_who_ask_for_the_last_place_at_once_get_exactly_one_hold_twenty_times_over(people: Region) -> None:
    cases = await asyncio.gather(*(people.case() for _ in range(50)))
    await asyncio.gather(*(people.ask(case, "HOSPICE") for case in cases))
    for nth in range(20):
        unit = await people.unit(f"hospice-{nth}", "HOSPICE", places=1)
        await people.known([unit])

        answers = await asyncio.gather(*(_offered(people, case, unit) for case in cases))

        assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 49}
        assert {answer.json()["type"].rpartition("/")[2].rpartition(":")[2] for answer in answers if answer.status_code == 409} == {
            "place-gone"
        }
        held = (await people.client("admin").get(f"/placement/v1/units/{unit.unit_id}/holds")).json()
        assert (held["held"], held["available"], len(held["holds"])) == (1, 0, 1)
        await people.board_says(unit, held=1, available=0)
    await asyncio.gather(*(people.cancel(case) for case in cases))


async def _offered(people: Region, case: Case, unit: Unit) -> httpx.Response:
    path = f"/placement/v1/requests/{case.case_id}/offers"
    return await people.say(people.coordinator, "POST", path, {"unit_ids": [unit.unit_id]})


async def test_of_five_who_accept_one_patient_at_once_one_wins_and_the_others_have_their_place_back_within_two_seconds(
    people: Region,
) -> None:
    units = await people.units(5, "RESPIJT", places=1)
    for _ in range(5):
        case = await people.patient("RESPIJT")
        offers = await people.offer(case, units)
        assert len(offers) == 5
        await people.national_says(units[0], free=5, held=5, available=0)

        answers = await asyncio.gather(*(people.accept(offer) for offer in offers))

        assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 4}
        [winner] = [offer for offer, answer in zip(offers, answers, strict=True) if answer.status_code == 200]
        await asyncio.gather(
            people.national_says(units[0], within=AT_ONCE_SECONDS, free=5, held=1, available=4),
            *(
                people.board_says(offer.unit, within=AT_ONCE_SECONDS, held=int(offer is winner), available=int(offer is not winner))
                for offer in offers
            ),
        )
        request = (await people.coordinator.get(f"/placement/v1/requests/{case.case_id}")).json()
        assert request["status"] == "PLACED"
        assert Counter(offer["status"] for offer in request["offers"]) == {"ACCEPTED": 1, "WITHDRAWN": 4}
        await people.cancel(case)
        await people.national_says(units[0], free=5, held=0, available=5)


async def test_a_place_offered_just_before_everything_is_killed_is_held_once_and_told_once(whole_system: System, people: Region) -> None:
    [unit] = await people.units(1, "GRZ", places=2)
    case = await people.patient("GRZ")
    path, body, key = f"/placement/v1/requests/{case.case_id}/offers", {"unit_ids": [unit.unit_id]}, str(uuid4())
    await whole_system.kill9(PLACEMENT_WORKER)

    first = await people.done(people.coordinator, "POST", path, body, key=key)
    assert await whole_system.unsent("placement") > 0, "it was published before anything was killed"
    await whole_system.kill9(API)
    whole_system.start(API)
    await whole_system.is_up()
    again = await people.insist(people.coordinator, "POST", path, body, key=key)
    whole_system.start(PLACEMENT_WORKER)

    assert (again.status_code, again.json()) == (201, first.json())
    [offer] = made(case, [unit], first)
    await people.board_says(unit, free=2, held=1, available=1)
    await people.national_says(unit, free=2, held=1, available=1)
    await whole_system.settled()
    assert len(await _told(whole_system, "offer-made", offer_id=offer.offer_id)) == 1
    assert len(await _told(whole_system, "offer-made", case_id=case.case_id)) == 1
    await people.cancel(case)


async def test_an_offer_whose_answer_was_lost_with_the_api_is_repeated_and_gives_the_place_that_was_held(
    whole_system: System, people: Region
) -> None:
    [unit] = await people.units(1, "WLZ_CRISIS", places=3)
    case = await people.patient("WLZ_CRISIS")
    path, body, key = f"/placement/v1/requests/{case.case_id}/offers", {"unit_ids": [unit.unit_id]}, str(uuid4())

    async with committing_takes_long(whole_system, "placement") as let_it_commit:
        lost = asyncio.create_task(people.say(people.coordinator, "POST", path, body, key=key))
        await eventually(waits_for_a_lock(whole_system, "placement", "placement.api"), timeout=60, what="the offer to be committed")
        await whole_system.kill9(API)
        await let_it_commit()
    with pytest.raises(httpx.TransportError):
        await lost
    whole_system.start(API)
    await whole_system.is_up()
    answers = [await people.insist(people.coordinator, "POST", path, body, key=key) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    await people.board_says(unit, free=3, held=1, available=2)
    [offer] = made(case, [unit], answers[0])
    await whole_system.settled()
    assert [seen.json["offer_id"] for seen in await _told(whole_system, "offer-made", case_id=case.case_id)] == [str(offer.offer_id)]
    await people.cancel(case)


async def test_a_relay_killed_between_sending_and_marking_gives_no_second_place(whole_system: System, people: Region) -> None:
    units = await people.units(2, "WMO_SPOED", places=2)
    case = await people.patient("WMO_SPOED")
    await whole_system.settled()
    await whole_system.kill9(PLACEMENT_WORKER)
    offers = await people.offer(case, units)
    before = sent_twice(await whole_system.log.records("placement.holds.v1"))

    async with whole_system.database("placement") as connection, connection.transaction():
        # Reading goes on under these locks, marking as sent does not.
        await connection.execute("select from outbox where published_at is null for update")
        relay = whole_system.start("placement relay")
        await eventually(waits_for_a_lock(whole_system, "placement", "relay"), timeout=60, what="the relay to mark what it has sent")
        whole_system.leave("placement relay")
        relay.kill9()
        await relay.wait_exit()
        # Else the server goes on with the dead relay's last statement as soon as it gets the lock.
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'relay' and datname = current_database()"
        )
    whole_system.start(PLACEMENT_WORKER)

    await people.national_says(units[0], free=4, held=2, available=2)
    await whole_system.settled()
    assert sent_twice(await whole_system.log.records("placement.holds.v1")) > before, "nothing was sent twice"
    for offer in offers:
        assert len(await _told(whole_system, "offer-made", offer_id=offer.offer_id)) == 1
    for topic in ("placement.holds.v1", "placement.placements.v1"):
        assert faults_in_order(await whole_system.log.records(topic)) == []
    await people.cancel(case)


async def test_a_call_registered_just_before_everything_is_killed_is_there_once(whole_system: System, people: Region) -> None:
    contact, key = people.contact({"name": "Een Naam"}), str(uuid4())
    await whole_system.kill9(TRIAGE_WORKER)

    first = await people.done(people.nurse, "POST", "/triage/v1/cases", contact, key=key)
    await whole_system.kill9(API)
    whole_system.start(API)
    await whole_system.is_up()
    again = await people.insist(people.nurse, "POST", "/triage/v1/cases", contact, key=key)
    whole_system.start(TRIAGE_WORKER)

    assert (again.status_code, again.json(), again.headers["etag"]) == (201, first.json(), first.headers["etag"])
    await whole_system.settled()
    told = {seen.id for seen in await whole_system.log.records("triage.cases.v1") if seen.json["case_id"] == first.json()["case_id"]}
    assert len(told) == 1
    async with whole_system.database("triage") as connection:
        assert await connection.fetchval("select count(*) from vault where case_id = $1", UUID(first.json()["case_id"])) == 1


async def test_a_deadline_that_passes_while_the_worker_is_down_is_kept_once_when_it_is_back(whole_system: System, people: Region) -> None:
    [unit] = await people.units(1, "ZORGHOTEL", places=1)
    case = await people.patient("ZORGHOTEL")
    await whole_system.kill9(PLACEMENT_WORKER)
    answer_by = datetime.now(UTC) + timedelta(seconds=1)
    [offer] = await people.offer(case, [unit], answer_by=answer_by)
    await asyncio.sleep((answer_by - datetime.now(UTC)).total_seconds() + 1)
    late = await people.accept(offer)
    assert late.status_code == 409, "an answer after the deadline, before anybody took the offer back"

    started_at = datetime.now(UTC)
    whole_system.start(PLACEMENT_WORKER)

    await people.board_says(unit, held=0, available=1)
    await whole_system.settled()
    [ended] = [seen.json for seen in await _told(whole_system, "offer-ended", offer_id=offer.offer_id)]
    assert (ended["how"], datetime.fromisoformat(ended["due_at"])) == ("EXPIRED", answer_by)
    assert datetime.fromisoformat(ended["ended_at"]) > started_at
    await people.cancel(case)


async def test_with_placement_away_the_board_shows_what_was_held_and_how_old_that_is_and_beds_go_on(
    whole_system: System, people: Region
) -> None:
    [unit] = await people.units(1, "GGZ_CRISIS", places=4)
    case = await people.patient("GGZ_CRISIS")
    await people.offer(case, [unit])
    await people.board_says(unit, free=4, held=1, available=3)
    await people.national_says(unit, free=4, held=1, available=3)
    held_since = (await people.board(unit))["holds_changed_at"]
    assert datetime.fromisoformat(held_since) <= datetime.now(UTC)

    await whole_system.kill9(PLACEMENT_WORKER, API)
    whole_system.api_services = tuple(service for service in whole_system.services if service != "placement")
    whole_system.start(API)
    await whole_system.is_up()
    try:
        assert (await people.coordinator.get("/placement/v1/requests")).status_code == 404, "placement still answers"
        await people.report(unit, places=4, occupied=2)
        await people.board_says(unit, free=2, held=1, available=1)
        await people.national_says(unit, free=2, held=1, available=1)
        assert (await people.board(unit))["holds_changed_at"] == held_since
        # A nurse goes on too; the request waits.
        waiting = await people.case()
        path = f"/triage/v1/cases/{waiting.case_id}/placement-request"
        waiting.tag = (await people.done(people.nurse, "POST", path, people.wanted("GGZ_CRISIS"), tag=waiting.tag)).headers["etag"]
    finally:
        await whole_system.kill9(API)
        whole_system.api_services = whole_system.services
        whole_system.start(API)
        whole_system.start(PLACEMENT_WORKER)
        await whole_system.is_up()
    await people.taken_up(waiting)
    await people.board_says(unit, free=2, held=1, available=1)
    await people.cancel(case)
    await people.cancel(waiting)
    await people.board_says(unit, free=2, held=0, available=2)


async def _told(system: System, fact: str, **fields: UUID) -> list[Seen]:
    """What placement told of this, each once though it may be there twice."""
    records = {seen.id: seen for seen in await system.log.records("placement.placements.v1")}
    return [
        seen
        for seen in records.values()
        if seen.headers["ce_type"] == f"nl.zorgcoordinatie.placement.{fact}.v1"
        and all(seen.json[name] == str(value) for name, value in fields.items())
    ]


async def test_workers_relays_and_apis_that_are_killed_all_the_time_lose_nothing_double_nothing_and_give_nothing_twice(
    whole_system: System, people: Region
) -> None:
    # More patients want a place than there are places, so that the last one is fought for.
    places = max(2, round(CHAOS_SECONDS / 10))
    units = await people.units(_CHAOS_UNITS, "WLZ_REGULIER", places=places)
    day = BusyDay(people, units, places=places, rate=CHAOS_RATE)
    kills = 0
    async with day.working():
        end = asyncio.get_running_loop().time() + CHAOS_SECONDS
        for victims in itertools.cycle(_VICTIMS):
            await asyncio.sleep(_KILLED_EVERY_SECONDS)
            if asyncio.get_running_loop().time() >= end:
                break
            for slot in victims:
                # The supervisor starts it again, as it does with what ends by itself.
                if whole_system.process(slot).is_running:
                    whole_system.process(slot).kill9()
                    kills += 1
    await whole_system.settled(180)
    whole_system.ended.clear()
    print(
        f"{kills} kills, {day.calls} calls, {people.lost_answers} lost answers, {people.refused_for_now} times later, "
        f"{day.repeated} repeated, {day.place_gone} times no place, {day.admitted} admitted"
    )

    assert day.surprises == []
    await eventually(lambda: _nothing_is_wrong(whole_system, day), timeout=60, every=1)
    assert people.lost_answers > 0, "no answer was ever lost"
    assert day.place_gone > 0, "there was always a place"
    assert day.admitted > places
    assert (await whole_system.run("reporting", "recount"))[1] == "equal\n"
    await eventually(lambda: _readers_agree(whole_system, people, units), timeout=60, every=0.5)


async def _nothing_is_wrong(system: System, day: BusyDay) -> bool:
    await system.settled()
    evidence = await day.evidence(system)
    # The other tests' patients are in the same books; of them only what was answered is not known here.
    mine = {done.subject for done in day.done if done.fact == "case-registered"}
    faults_found = faults(evidence.of(mine))
    assert faults_found == []
    return True


async def _readers_agree(system: System, people: Region, units: list[Unit]) -> bool:
    """Board and national figures hold what placement holds."""
    async with system.database("placement") as connection:
        rows = await connection.fetch("select unit_id, free, held from units where care_type = $1", units[0].care_type)
    kept = {str(row["unit_id"]): (row["free"], row["held"], max(0, row["free"] - row["held"])) for row in rows}
    board = (await people.client("admin").get("/capacity/v1/board", params={"care_type": units[0].care_type})).json()["items"]
    assert {item["unit_id"]: (item["free"], item["held"], item["available"]) for item in board} == kept
    free, held, available = (sum(figures) for figures in zip(*kept.values(), strict=True))
    assert await people.national(units[0]) == {"free": free, "held": held, "available": available}
    return True
