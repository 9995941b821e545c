"""The list that a coordinator chooses from: the same filters in SQL as in the domain, and quick over the whole country."""

import random
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest_asyncio

from chassis.testing.plans import rows_read
from contracts.capacity import UnitChangedV1
from contracts.codes import CareType, Cohort, Sector, Urgency
from contracts.geography import UNKNOWN_ROAZ, municipalities, place_of_vr
from placement.adapters.sql.candidates import _SUITABLE_IN_REGION, Census, SqlChoice
from placement.adapters.sql.units import _SUITABLE, UNIT_COLUMNS, unit_of
from placement.adapters.sql.work import SqlWork
from placement.application.candidates import candidates, explained
from placement.domain.matching import Exclusion, rank, refusals
from placement.domain.regions import search_order
from placement.domain.request import Request
from placement.domain.states import RequestStatus

NOW = datetime.now(UTC).replace(microsecond=0)
PLACES = municipalities(NOW.date())
CARE_TYPES = [CareType.ELV_HOOG, CareType.ELV_LAAG, CareType.GRZ, CareType.WLZ_CRISIS, CareType.HOSPICE, CareType.WZD_PLEK]
FEATURES = {
    "isolation": [True, False, "ja"],
    "oxygen_l_min": [-1, 0, 2, 2.5, 5, "5", True],
    "wzd": [True, False],
    "lift": [True, 1],
    "night_nursing": [True],
    "palliative": [True],
}


def a_unit(number, chance, care_types=CARE_TYPES, most_free=3):
    place = chance.choice(PLACES)
    has_municipality = chance.random() < 0.9
    free = chance.choice([None, *range(most_free + 1)])
    is_closed = chance.random() < 0.1
    return UnitChangedV1(
        unit_id=UUID(int=number),
        location_id=UUID(int=number // 4),
        location_name="De Linde",
        name=f"Afdeling {number}",
        organisation=f"zorggroep-{number % 7}",
        sector=Sector.VVT,
        care_type=chance.choice(care_types),
        cohort=chance.choice([Cohort.GEEN, Cohort.GEEN, Cohort.COVID_POS]),
        municipality=place.code if has_municipality else None,
        vr=place.vr,
        roaz=place.roaz if has_municipality else place_of_vr(place.vr).roaz,
        latitude=None,
        longitude=None,
        phone=None,
        features={name: chance.choice(values) for name, values in FEATURES.items() if chance.random() < 0.6},
        total=10,
        open=0 if is_closed else 10,
        occupied=None,
        reserved=0,
        free=free,
        closed_reason="UITBRAAK" if is_closed else None,
        source=None,
        observed_at=NOW - timedelta(hours=1),
        fresh_until=chance.choice([None, NOW - timedelta(seconds=1), NOW, *[NOW + timedelta(hours=hours) for hours in (1, 4, 8)]]),
        age_limit_seconds=43_200,
        conflict=False,
        warnings=(),
        recorded_at=NOW,
    )


def a_request(number, chance):
    place = chance.choice(PLACES)
    roaz = place.roaz if chance.random() < 0.8 else place_of_vr(place.vr).roaz
    regions = search_order(place.vr, roaz)
    needs = {name: chance.choice([True, False]) for name in FEATURES if chance.random() < 0.2}
    if "oxygen_l_min" in needs:
        needs["oxygen_l_min"] = chance.choice([0, 2, 2.5, 4])
    return Request(
        case_id=UUID(int=number),
        round=1,
        status=RequestStatus.OPEN,
        urgency=Urgency.U3,
        is_assessed=True,
        care_type=chance.choice(CARE_TYPES),
        cohort=chance.choice([Cohort.GEEN, Cohort.COVID_POS]),
        place_by=NOW + timedelta(hours=4),
        region=place.vr,
        roaz=roaz,
        municipality=place.code if roaz != UNKNOWN_ROAZ else None,
        origin=None,
        organisation=None,
        needs=needs,
        target_group=None,
        requested_at=NOW,
        opened_at=NOW,
        regions=regions,
        region_index=chance.randint(0, len(regions)),
        asked_in_region=0,
        unattended_at=None,
        is_on_top=False,
        moves=0,
        ended=None,
        ended_at=None,
        version=1,
        asked_units=frozenset(UUID(int=chance.randint(1, 600)) for _ in range(chance.randint(0, 30))),
    )


@pytest_asyncio.fixture
async def choice(placement):
    """Six hundred units that differ in everything that decides, on one connection."""
    chance = random.Random(4)
    async with placement.database.begin() as tx:
        await SqlWork(tx, placement.settings.policy).units.project([(a_unit(number, chance), 1) for number in range(1, 601)])
        await tx.connection.execute(
            "update units set held = (get_byte(uuid_send(unit_id), 15) % 3) * 1, claimed = get_byte(uuid_send(unit_id), 15) % 2, "
            "is_parked = get_byte(uuid_send(unit_id), 15) % 7 = 0"
        )
        yield SqlChoice(tx.connection, Census())


async def test_the_filters_in_sql_are_those_of_the_domain(choice):
    units = [unit_of(row) for row in await choice.connection.fetch(f"select {UNIT_COLUMNS} from units u")]
    chance, found, reasons = random.Random(14), 0, Counter()

    for number in range(1, 201):
        request = a_request(number, chance)
        expected = rank(request, [unit for unit in units if unit.care_type is request.care_type], NOW)

        ranking = await candidates(choice, request, NOW)

        assert ranking.candidates == expected.candidates
        assert ranking.left_out == expected.left_out
        found += len(ranking.candidates)
        reasons.update(ranking.left_out)

    assert found > 100
    assert set(reasons) == set(Exclusion) - {Exclusion.ANDER_ZORGTYPE}


async def test_a_new_unit_elsewhere_is_counted_ten_seconds_later(choice):
    chance, seconds = random.Random(54), 0.0
    request = a_request(1, chance)
    while request.is_escalated:
        request = a_request(1, chance)
    choice = SqlChoice(choice.connection, Census(lambda: seconds))
    before = await choice.left_out(request, NOW)
    elsewhere = "vr <> $1 and roaz <> all($2::text[])"
    await choice.connection.execute(
        f"update units set care_type = $3 where unit_id in (select unit_id from units where care_type <> $3 and {elsewhere} limit 5)",
        request.region, list(request.looked_in), request.care_type,
    )  # fmt: skip

    seconds = 9.9
    assert await choice.left_out(request, NOW) == before
    seconds = 10.0
    assert await choice.left_out(request, NOW) == before | {Exclusion.ANDERE_REGIO: before[Exclusion.ANDERE_REGIO] + 5}


async def test_one_unit_is_explained_with_its_place_or_all_its_reasons(choice):
    chance = random.Random(24)
    ranking = None
    while ranking is None or len(ranking.candidates) < 2:
        request = a_request(1, chance)
        ranking = await candidates(choice, request, NOW)
    second = ranking.candidates[1].unit

    told = await explained(choice, request, ranking, second.unit_id, NOW)
    assert told is not None
    assert (told.place, told.candidate, told.reasons) == (2, ranking.candidates[1], ())

    shown = {candidate.unit.unit_id for candidate in ranking.candidates}
    other = next(UUID(int=number) for number in range(1, 601) if UUID(int=number) not in shown)
    told = await explained(choice, request, ranking, other, NOW)
    assert told is not None
    assert (told.place, told.candidate) == (None, None)
    assert told.reasons == refusals(request, told.unit, NOW) != ()

    assert await explained(choice, request, ranking, UUID(int=10_000), NOW) is None


async def test_who_can_be_asked_in_a_region_is_found_there_also_with_a_plan_from_when_there_was_nothing(placement):
    chance = random.Random(44)
    by_coordinators = "execute by_coordinators ('ELV_HOOG', 'GEEN', '{}', 0, '{}', now(), 'VR09', '{MN}')"
    by_itself = "execute by_itself ('ELV_HOOG', 'GEEN', 'MN', 'VR09')"
    async with placement.database.own_connection() as connection:
        await connection.execute("set plan_cache_mode = force_generic_plan")
        await connection.execute(
            f"prepare by_coordinators (text, text, text[], float8, uuid[], timestamptz, text, text[]) as {_SUITABLE_IN_REGION}"
        )
        await connection.execute(f"prepare by_itself (text, text, text, text) as {_SUITABLE}")
        for statement in (by_coordinators, by_itself):
            await connection.execute(statement)
        await placement.told([a_unit(number, chance, care_types=[CareType.ELV_HOOG]) for number in range(1, 601)])

        there = await connection.fetchval("select count(*) from units where cohort = 'GEEN' and (roaz = 'MN' or vr = 'VR09')")
        assert 0 < there < 60
        for statement in (by_coordinators, by_itself):
            # By either of two keys.
            assert await rows_read(connection, statement, "units") <= 2 * there


async def test_a_coordinator_sees_the_candidates_of_a_whole_country_at_once(placement):
    """Not a benchmark, only a guard: `make bench` measures; here a missing index or a fetch of everything shows."""
    chance = random.Random(34)
    await placement.told([a_unit(number, chance, most_free=6) for number in range(1, 15_001)])
    case_id = await placement.request(care_type="ELV_HOOG", cohort="GEEN", municipality="GM0344", region="VR09", roaz="MN")
    await placement.rows("analyze units")

    took = []
    for _ in range(20):
        began = time.perf_counter()
        answer = await placement.get(f"requests/{case_id}/candidates", region="VR09")
        took.append(time.perf_counter() - began)
        assert answer.status_code == 200, answer.text

    listed = answer.json()
    assert listed["total"] > 20
    assert len(listed["items"]) == 20
    of_care_type = await placement.rows("select count(*) from units where care_type = 'ELV_HOOG'")
    assert listed["total"] + sum(listed["left_out"].values()) == of_care_type[0]["count"]
    assert sorted(took)[len(took) // 2] < 0.25
