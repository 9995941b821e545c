"""Who is asked for a place, in which order, and why others are not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.codes import CareType, Cohort, Sector, Urgency
from contracts.geography import Place
from placement.domain.distance import Nearness, nearness
from placement.domain.matching import Exclusion, rank, refusals
from placement.domain.request import Request
from placement.domain.states import RequestStatus
from placement.domain.unit import Unit

NOW = datetime(2026, 3, 4, 3, 12, tzinfo=UTC)
ARNHEM, NIJMEGEN, TIEL, ZWOLLE, ENSCHEDE, MAASTRICHT, GRONINGEN = "GM0202", "GM0268", "GM0281", "GM0193", "GM0153", "GM0935", "GM0014"
VR = {ARNHEM: "VR07", NIJMEGEN: "VR08", TIEL: "VR08", ZWOLLE: "VR04", ENSCHEDE: "VR05", MAASTRICHT: "VR24", GRONINGEN: "VR01"}
ROAZ = {ARNHEM: "OO", NIJMEGEN: "OO", TIEL: "OO", ZWOLLE: "ZW", ENSCHEDE: "EU", MAASTRICHT: "LI", GRONINGEN: "NN"}


def a_request(**fields) -> Request:
    municipality = fields.pop("municipality", ARNHEM)
    request = Request(
        case_id=UUID(int=1),
        round=1,
        status=RequestStatus.OPEN,
        urgency=Urgency.U3,
        is_assessed=True,
        care_type=CareType.ELV_HOOG,
        cohort=Cohort.GEEN,
        place_by=NOW + timedelta(hours=4),
        region=VR[municipality],
        roaz=ROAZ[municipality],
        municipality=municipality,
        origin=None,
        organisation=None,
        needs={},
        target_group=None,
        requested_at=NOW,
        opened_at=NOW,
        regions=(ROAZ[municipality],),
        region_index=0,
        asked_in_region=0,
        unattended_at=None,
        is_on_top=False,
        moves=0,
        ended=None,
        ended_at=None,
        version=1,
    )
    return replace(request, **fields)


def a_unit(**fields) -> Unit:
    municipality = fields.pop("municipality", ARNHEM)
    unit = Unit(
        unit_id=fields.pop("unit_id", None) or uuid4(),
        version=1,
        location_id=UUID(int=2),
        location_name="De Linde",
        name="Eik",
        organisation="zorggroep-oost",
        sector=Sector.VVT,
        care_type=CareType.ELV_HOOG,
        cohort=Cohort.GEEN,
        municipality=municipality,
        vr=VR[municipality],
        roaz=ROAZ[municipality],
        latitude=None,
        longitude=None,
        phone=None,
        features={},
        total=10,
        open=10,
        occupied=8,
        reserved=0,
        free=2,
        closed_reason=None,
        conflict=False,
        observed_at=NOW - timedelta(hours=1),
        fresh_until=NOW + timedelta(hours=11),
        occupied_reported_at=None,
        includes_holds=frozenset(),
        held=0,
        claimed=0,
        full_since=None,
        overcommitted_since=None,
        is_parked=False,
    )
    return unit._replace(**fields)


IDS = st.integers(1, 30).map(lambda number: UUID(int=number))

# Narrow ranges, so that units often differ in one thing only, and often in nothing.
UNITS = st.lists(
    st.builds(
        a_unit,
        unit_id=IDS,
        municipality=st.sampled_from(sorted(VR)),
        care_type=st.sampled_from([CareType.ELV_HOOG, CareType.ELV_HOOG, CareType.ELV_HOOG, CareType.GRZ]),
        cohort=st.sampled_from([Cohort.GEEN, Cohort.GEEN, Cohort.GEEN, Cohort.COVID_POS]),
        free=st.none() | st.integers(-1, 3),
        held=st.integers(0, 2),
        claimed=st.integers(0, 1),
        fresh_until=st.none() | st.sampled_from([NOW - timedelta(seconds=1), NOW, NOW + timedelta(hours=2), NOW + timedelta(hours=8)]),
        features=st.fixed_dictionaries(
            {}, optional={"isolation": st.booleans(), "lift": st.booleans(), "oxygen_l_min": st.integers(0, 6), "wzd": st.just("ja")}
        ),
    ),
    max_size=12,
    unique_by=lambda unit: unit.unit_id,
)
REQUESTS = st.builds(
    a_request,
    municipality=st.sampled_from(sorted(VR)),
    region_index=st.integers(0, 3),
    needs=st.fixed_dictionaries({}, optional={"isolation": st.booleans(), "oxygen_l_min": st.integers(0, 6), "wzd": st.booleans()}),
    regions=st.lists(st.sampled_from(["OO", "ZW", "LI"]), min_size=1, max_size=3, unique=True).map(tuple),
    asked_units=st.frozensets(IDS, max_size=5),
)


@given(REQUESTS, UNITS)
def test_only_a_unit_with_a_known_fresh_free_place_that_gives_this_care_is_a_candidate(request, units):
    for candidate in rank(request, units, NOW).candidates:
        unit = candidate.unit
        assert unit.free is not None
        assert unit.fresh_until > NOW
        assert unit.free - unit.held - unit.claimed > 0
        assert (unit.care_type, unit.cohort) == (request.care_type, request.cohort)
        assert unit.unit_id not in request.asked_units
        assert not request.needs.get("isolation") or unit.features.get("isolation") is True
        assert not request.needs.get("wzd") or unit.features.get("wzd") is True
        assert unit.features.get("oxygen_l_min", 0) >= request.needs.get("oxygen_l_min", 0)


@given(REQUESTS, UNITS)
def test_every_unit_is_either_a_candidate_or_left_out_with_a_reason(request, units):
    ranking = rank(request, units, NOW)

    assert len(ranking.candidates) + sum(ranking.left_out.values()) == len(units)
    shown = {candidate.unit.unit_id for candidate in ranking.candidates}
    for unit in units:
        reasons = refusals(request, unit, NOW)
        assert bool(reasons) != (unit.unit_id in shown)
        assert list(reasons) == [reason for reason in Exclusion if reason in reasons]


@given(REQUESTS, UNITS, st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_how_the_units_came_in(request, units, random):
    shuffled = random.sample(units, len(units))

    assert rank(request, shuffled, NOW) == rank(request, units, NOW)


@given(REQUESTS, UNITS)
def test_the_best_comes_first_and_its_points_add_up(request, units):
    candidates = rank(request, units, NOW).candidates

    assert [candidate.score for candidate in candidates] == sorted((candidate.score for candidate in candidates), reverse=True)
    for candidate in candidates:
        assert candidate.score == pytest.approx(sum(candidate.parts.values()))
        assert all(points >= 0 for points in candidate.parts.values())


@given(
    REQUESTS,
    UNITS,
    st.sampled_from(["zorggroep-oost", "thuis-best", "x"]),
    st.sampled_from(["zorggroep-oost", None]),
    st.integers(1, 5) | st.none(),
)
def test_whose_unit_or_client_it_is_never_changes_the_order(request, units, provider, asker, target_group):
    asked_by_another = replace(request, organisation=asker, target_group=target_group)
    of_another = [unit._replace(organisation=provider) for unit in units]

    before, after = rank(request, units, NOW), rank(asked_by_another, of_another, NOW)

    assert [candidate.unit.unit_id for candidate in after.candidates] == [candidate.unit.unit_id for candidate in before.candidates]
    assert after.left_out == before.left_out


@given(UNITS)
def test_what_the_patient_is_called_in_the_needs_beyond_the_place_changes_nothing(units):
    plain = a_request()
    telling = a_request(needs={"ciz": True, "age": 91, "own_client": True, "wzd": "ja", "oxygen_l_min": True})

    assert rank(telling, units, NOW) == rank(plain, units, NOW)


@pytest.mark.parametrize(
    ("reason", "request_fields", "unit_fields"),
    [
        (Exclusion.ANDER_ZORGTYPE, {}, {"care_type": CareType.GRZ}),
        (Exclusion.ANDERE_REGIO, {}, {"municipality": GRONINGEN}),
        (Exclusion.ANDER_COHORT, {}, {"cohort": Cohort.COVID_POS}),
        (Exclusion.ISOLATIE, {"needs": {"isolation": True}}, {"features": {"isolation": False}}),
        (Exclusion.ZUURSTOF, {"needs": {"oxygen_l_min": 4}}, {"features": {"oxygen_l_min": 3.5}}),
        (Exclusion.ZUURSTOF, {"needs": {"oxygen_l_min": 1}}, {"features": {"oxygen_l_min": "veel"}}),
        (Exclusion.WZD, {"needs": {"wzd": True}}, {}),
        (Exclusion.LIFT, {"needs": {"lift": True}}, {}),
        (Exclusion.NACHTZORG, {"needs": {"night_nursing": True}}, {}),
        (Exclusion.PALLIATIEF, {"needs": {"palliative": True}}, {}),
        (Exclusion.AL_GEVRAAGD, {"asked_units": frozenset({UUID(int=9)})}, {"unit_id": UUID(int=9)}),
        (Exclusion.GESLOTEN, {}, {"open": 0, "free": 0, "closed_reason": "UITBRAAK"}),
        (Exclusion.ONBEKEND, {}, {"free": None}),
        (Exclusion.ONBEKEND, {}, {"fresh_until": None}),
        (Exclusion.ONBEKEND, {}, {"is_parked": True}),
        (Exclusion.VEROUDERD, {}, {"fresh_until": NOW}),
        (Exclusion.GEEN_PLEK, {}, {"free": 0}),
        (Exclusion.GEEN_PLEK, {}, {"free": 2, "held": 2}),
        (Exclusion.GEEN_PLEK, {}, {"free": 2, "held": 1, "claimed": 1}),
    ],
)
def test_the_nurse_sees_why_a_unit_is_not_asked(reason, request_fields, unit_fields):
    assert refusals(a_request(**request_fields), a_unit(**unit_fields), NOW) == (reason,)


def test_all_reasons_are_told_and_the_first_is_counted():
    unit = a_unit(cohort=Cohort.COVID_POS, free=0)

    assert refusals(a_request(), unit, NOW) == (Exclusion.ANDER_COHORT, Exclusion.GEEN_PLEK)
    assert rank(a_request(), [unit], NOW).left_out == {Exclusion.ANDER_COHORT: 1}


@pytest.mark.parametrize(
    ("care_type", "needs"),
    [(CareType.HOSPICE, {"palliative": True}), (CareType.ELV_PALLIATIEF, {"palliative": True}), (CareType.WZD_PLEK, {"wzd": True})],
)
def test_a_hospice_need_not_say_that_it_gives_palliative_care(care_type, needs):
    assert refusals(a_request(care_type=care_type, needs=needs), a_unit(care_type=care_type), NOW) == ()


def test_once_a_request_is_with_lcps_the_whole_country_is_looked_in():
    assert refusals(a_request(status=RequestStatus.BIJ_LCPS, region_index=1), a_unit(municipality=GRONINGEN), NOW) == ()


def test_neighbouring_regions_count_as_soon_as_the_search_has_come_there():
    unit = a_unit(municipality=ZWOLLE)
    request = a_request(regions=("OO", "ZW"))

    assert refusals(request, unit, NOW) == (Exclusion.ANDERE_REGIO,)
    assert refusals(replace(request, region_index=1), unit, NOW) == ()


def test_a_unit_of_which_only_a_straddling_region_is_known_counts_in_that_region():
    request = replace(a_request(regions=("NN", "ZW")), region="VR03", roaz="ONBEKEND", municipality=None)

    assert refusals(request, a_unit()._replace(municipality=None, vr="VR03", roaz="ONBEKEND"), NOW) == ()


def ranked(request, *units):
    return [candidate.unit.name for candidate in rank(request, units, NOW).candidates]


def test_the_nearer_of_two_equal_units_is_asked_first():
    request = a_request(municipality=NIJMEGEN, regions=("OO", "ZW"), region_index=1)
    units = [a_unit(municipality=municipality, name=municipality) for municipality in (ZWOLLE, ARNHEM, TIEL, NIJMEGEN)]

    assert ranked(request, *units) == [NIJMEGEN, TIEL, ARNHEM, ZWOLLE]


def test_a_figure_of_just_now_nearby_goes_before_a_large_ward_that_nobody_confirmed_since_yesterday():
    request = a_request(municipality=NIJMEGEN)
    nearby = a_unit(name="just now", municipality=TIEL, free=1, observed_at=NOW)
    large = a_unit(
        name="yesterday", municipality=NIJMEGEN, free=9, observed_at=NOW - timedelta(hours=23), fresh_until=NOW + timedelta(minutes=30)
    )

    assert ranked(request, large, nearby) == ["just now", "yesterday"]


def test_a_unit_that_has_open_questions_already_lets_another_go_first():
    asked = a_unit(name="asked", free=4, held=2)
    not_asked = a_unit(name="not asked", free=2)

    # For whichever of them the draw would be.
    for case in range(10):
        assert ranked(a_request(case_id=UUID(int=case)), asked, not_asked) == ["not asked", "asked"]


def test_equal_units_take_turns_over_the_requests():
    units = [a_unit(unit_id=UUID(int=number), name=str(number)) for number in range(1, 5)]

    first = {ranked(a_request(case_id=UUID(int=case)), *units)[0] for case in range(40)}

    assert first == {"1", "2", "3", "4"}


@pytest.mark.parametrize(
    ("wanted", "offered", "expected"),
    [
        (Place(ARNHEM, "VR07", "OO"), Place(ARNHEM, "VR07", "OO"), Nearness.GEMEENTE),
        (Place(TIEL, "VR08", "OO"), Place(NIJMEGEN, "VR08", "OO"), Nearness.VEILIGHEIDSREGIO),
        (Place(None, "VR08", "OO"), Place(None, "VR08", "OO"), Nearness.VEILIGHEIDSREGIO),
        (Place(ARNHEM, "VR07", "OO"), Place(NIJMEGEN, "VR08", "OO"), Nearness.ROAZ),
        (Place(None, "VR03", "ONBEKEND"), Place(ZWOLLE, "VR04", "ZW"), Nearness.ROAZ),
        (Place(ARNHEM, "VR07", "OO"), Place(ENSCHEDE, "VR05", "EU"), Nearness.BUURREGIO),
        (Place(ARNHEM, "VR07", "OO"), Place(ZWOLLE, "VR04", "ZW"), Nearness.BUURREGIO),
        (Place(GRONINGEN, "VR01", "NN"), Place(MAASTRICHT, "VR24", "LI"), Nearness.ELDERS),
        (Place(None, "VR99", "ONBEKEND"), Place(ARNHEM, "VR07", "OO"), Nearness.ELDERS),
    ],
)
def test_places_are_as_near_as_the_regions_they_share(wanted, offered, expected):
    assert nearness(wanted, offered) is expected
