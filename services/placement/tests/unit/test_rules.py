"""The rules of placement that need nothing but themselves."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.codes import CareType, Cohort, DeclineReason, Sector, Urgency
from contracts.geography import roaz_regions, safety_regions
from placement.config import PlacementSettings
from placement.domain.absorption import contains
from placement.domain.answers import may_decline
from placement.domain.offer import Offer
from placement.domain.policy import Policy
from placement.domain.regions import search_order
from placement.domain.room import Said, is_answered, judged
from placement.domain.states import OfferStatus
from placement.domain.unit import Unit

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOLERANCE = Policy().clock_tolerance

UNIT = Unit(
    unit_id=UUID(int=1),
    version=1,
    location_id=UUID(int=2),
    location_name="De Linde",
    name="Eik",
    organisation="zorggroep-oost",
    sector=Sector.VVT,
    care_type=CareType.ELV_HOOG,
    cohort=Cohort.GEEN,
    municipality=None,
    vr="VR04",
    roaz="ZW",
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
    observed_at=NOW,
    fresh_until=NOW + timedelta(hours=12),
    occupied_reported_at=NOW,
    includes_holds=frozenset(),
    held=0,
    claimed=0,
    full_since=None,
    overcommitted_since=None,
    is_parked=False,
)
PATIENT = Offer(
    offer_id=UUID(int=3),
    case_id=UUID(int=4),
    round=1,
    unit_id=UNIT.unit_id,
    offered_unit_id=UNIT.unit_id,
    organisation=UNIT.organisation,
    status=OfferStatus.ADMITTED,
    token="t",
    is_automatic=False,
    made_at=NOW,
    made_by=None,
    answer_by=NOW,
    held_until=None,
    accepted_at=NOW,
    left_at=None,
    admitted_at=NOW,
    ended_at=None,
    reason=None,
    warned_at=None,
    needs_confirmation=False,
    confirm_by=None,
    has_room=None,
    room_answered_at=None,
    absorbed_version=None,
    version=4,
)


@given(
    free=st.none() | st.integers(0, 3),
    held=st.integers(0, 4),
    claimed=st.integers(0, 2),
    fresh_for=st.integers(-1, 1),
    is_closed=st.booleans(),
)
def test_what_is_available_is_never_more_than_free_and_nothing_while_unknown(free, held, claimed, fresh_for, is_closed):
    unit = UNIT._replace(free=free, held=held, claimed=claimed, fresh_until=NOW + timedelta(hours=fresh_for))
    if is_closed:
        unit = unit._replace(open=0, closed_reason="UITBRAAK")

    available = unit.available(NOW)

    if free is None or fresh_for <= 0:
        assert available is None
    else:
        assert available == (0 if is_closed else max(0, free - held - claimed))


@pytest.mark.parametrize(("seconds", "is_contained"), [(-3600, False), (0, False), (119, False), (120, True), (3600, True)])
def test_only_a_report_well_after_the_admission_contains_the_patient(seconds, is_contained):
    unit = UNIT._replace(occupied_reported_at=NOW + timedelta(seconds=seconds))

    assert contains(unit, PATIENT, TOLERANCE) is is_contained


def test_figures_contain_whom_they_name_but_only_once_the_patient_is_there():
    unit = UNIT._replace(occupied_reported_at=None, includes_holds=frozenset({PATIENT.offer_id}))

    assert contains(unit, PATIENT, TOLERANCE)
    assert not contains(unit, replace(PATIENT, offer_id=uuid4()), TOLERANCE)
    assert not contains(unit, replace(PATIENT, status=OfferStatus.UNDERWAY, admitted_at=None), TOLERANCE)


@pytest.mark.parametrize("care_type", CareType)
def test_nobody_declines_because_it_is_not_their_own_client(care_type):
    assert not may_decline(DeclineReason.NIET_EIGEN_CLIENT, care_type)
    assert may_decline(DeclineReason.VOL, care_type)
    is_cohort_nursing = care_type in {CareType.CORONA_UNIT, CareType.CORONACENTRUM}
    assert may_decline(DeclineReason.GEEN_CIZ, care_type) is not is_cohort_nursing


@pytest.mark.parametrize("vr", safety_regions())
def test_the_search_begins_at_home_and_goes_to_the_neighbours_only(vr):
    region = safety_regions()[vr]

    home, *neighbours = search_order(vr, region.roaz)

    assert home == region.listed_under
    assert sorted(neighbours) == sorted(roaz_regions()[home].neighbours)


def test_the_nearest_neighbour_comes_first():
    # Groningen borders Drenthe and looks to Zwolle before North Holland; Zeeland looks to Brabant before Utrecht and The Hague.
    assert search_order("VR01", "NN") == ("NN", "ZW", "NHF")
    assert search_order("VR19", "ZWN")[1] == "BR"


def test_a_setting_changes_one_urgency_and_leaves_the_others(monkeypatch):
    monkeypatch.setenv("ANSWER_MINUTES_BY_URGENCY", '{"U2": 5}')

    policy = PlacementSettings().policy

    assert policy.answer_within == {**Policy().answer_within, Urgency.U2: timedelta(minutes=5)}
    assert policy.unattended_after == Policy().unattended_after


# Whether there is room for a patient who was accepted. The figure is from `seen` minutes after the acceptance.


def a_placement(**fields) -> Offer:
    return replace(PATIENT, status=OfferStatus.ACCEPTED, admitted_at=None, held_until=NOW + timedelta(hours=4), **fields)


def seen(minutes: int, **fields) -> Unit:
    at = NOW + timedelta(minutes=minutes)
    return UNIT._replace(**{"observed_at": at, "occupied_reported_at": at, "held": 1, **fields})


FULL = {"free": 0, "occupied": 10}
CLOSED = {"free": 0, "open": 0, "occupied": 0, "closed_reason": "UITBRAAK"}
NAMED = {"includes_holds": frozenset({PATIENT.offer_id})}
ASKED = {"needs_confirmation": True, "confirm_by": NOW + timedelta(minutes=20)}
SAID_NO = {"has_room": False, "room_answered_at": NOW + timedelta(minutes=10)}
SAID_YES = {"has_room": True, "room_answered_at": NOW + timedelta(minutes=10)}


@pytest.mark.parametrize("status", [OfferStatus.ACCEPTED, OfferStatus.UNDERWAY])
@pytest.mark.parametrize("free", [0, 1, None])
def test_a_figure_alone_never_says_that_there_is_no_room(status, free):
    placement = replace(a_placement(), status=status)

    assert judged(placement, seen(5, free=free), NOW + timedelta(minutes=20)) is None


@pytest.mark.parametrize(
    ("placement", "unit", "said"),
    [
        (a_placement(), seen(5, **CLOSED), Said.CLOSURE),
        # Who accepts on a closed ward, or keeps a place there, knows that it is closed.
        (a_placement(), seen(-5, **CLOSED), None),
        (a_placement(**SAID_YES), seen(5, **CLOSED), None),
        (a_placement(**SAID_YES), seen(15, **CLOSED), Said.CLOSURE),
        (a_placement(**SAID_NO), seen(15, **CLOSED), None),
        (a_placement(**SAID_NO), seen(15, free=1), Said.FIGURES),
        (a_placement(**SAID_NO), seen(15, **FULL), None),
        (a_placement(**SAID_NO), seen(15, free=None), None),
        # On the same figure as before, whatever else makes room.
        (a_placement(**SAID_NO), seen(5, free=1), None),
        (a_placement(**ASKED), seen(5, **FULL), Said.SILENCE),
        (a_placement(needs_confirmation=True, confirm_by=NOW + timedelta(minutes=21)), seen(5, **FULL), None),
        # The figures say themselves that they contain the patient.
        (a_placement(**ASKED), seen(5, **FULL, **NAMED), Said.FIGURES),
        (a_placement(**SAID_NO), seen(15, **FULL, **NAMED), Said.FIGURES),
        (a_placement(**SAID_NO), seen(5, **FULL, **NAMED), None),
        (a_placement(**ASKED), seen(5, **CLOSED, **NAMED), Said.CLOSURE),
        (replace(PATIENT, **SAID_NO), seen(15, **CLOSED), None),
    ],
)
def test_what_stands_for_an_answer_whether_there_is_room(placement, unit, said):
    judgement = judged(placement, unit, NOW + timedelta(minutes=20))

    assert (judgement.how if judgement else None) is said
    assert judgement is None or judgement.has_room is (said is Said.FIGURES)


def test_nobody_is_asked_twice_on_the_same_figure():
    assert not is_answered(a_placement(), seen(5))
    assert is_answered(a_placement(**SAID_YES), seen(10))
    assert not is_answered(a_placement(**SAID_YES), seen(11))


def test_of_a_unit_whose_newest_state_cannot_be_read_nothing_is_available():
    assert UNIT._replace(is_parked=True).available(NOW) is None
