"""Where a case stands, and what may still be decided on it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.codes import CallerRole, CareType, Channel, Choice, ClosureOutcome, Cohort, FollowUp, Urgency
from triage.domain.case import Assessment, Case, PlaceRequest, Status
from triage.domain.journey import Journey, Place, Progress
from triage.domain.rules import RuleBroken, StateForbids
from triage.domain.wishes import Wish

NOW = datetime(2026, 11, 22, 3, 12, tzinfo=UTC)


def a_case():
    return Case(
        case_id=uuid4(),
        version=1,
        channel=Channel.TELEFOON,
        caller_role=CallerRole.MANTELZORGER,
        origin=None,
        municipality="GM0106",
        vr="VR03",
        roaz="NN",
        needs={},
        is_second_contact=False,
        registered_by="nurse",
        organisation=None,
        registered_at=NOW,
    )


def an_assessment(urgency):
    return Assessment("p", "1", "c", {}, None, Urgency(urgency), (FollowUp.VISITE,), "Rust.", None, (), NOW)


def a_request(urgency="U3", **changes):
    fields = {
        "care_type": CareType.ELV_HOOG,
        "cohort": Cohort.GEEN,
        "is_assessed": False,
        "place_by": NOW + timedelta(hours=4),
        "region": "VR03",
        "roaz": "NN",
        "origin": None,
        "needs": {},
        "target_group": None,
        "requested_at": NOW,
    }
    return PlaceRequest(round=1, urgency=Urgency(urgency), **{**fields, **changes})


@pytest.mark.parametrize("urgency", ["U0", "U1"])
def test_danger_to_life_is_handed_over_and_its_request_ends(urgency):
    case = a_case().asking(a_request()).assessed(an_assessment(urgency))

    assert case.status is Status.OVERGEDRAGEN_112
    assert case.queue_rank is None
    assert not case.has_open_request
    with pytest.raises(StateForbids):
        case.require_open()


def test_an_urgency_of_ones_own_counts_until_it_is_assessed_and_not_against_it():
    assert a_case().asking(a_request("U4")).urgency is Urgency.U4
    with pytest.raises(StateForbids):
        a_case().assessed(an_assessment("U3")).asking(a_request("U4"))
    for urgency in ("U0", "U1"):
        with pytest.raises(RuleBroken, match="never-placed"):
            a_case().asking(a_request(urgency))
    with pytest.raises(RuleBroken, match="place-by-past"):
        a_case().asking(a_request(place_by=NOW))


@pytest.mark.parametrize("outcome", list(ClosureOutcome))
def test_only_a_place_that_was_found_outlives_the_closure(outcome):
    case = a_case().asking(a_request()).closed(outcome, NOW)

    is_placed = outcome is ClosureOutcome.GEPLAATST
    assert (case.status, case.has_open_request, case.may_be_placed) == (Status.GESLOTEN, is_placed, is_placed)


def test_only_a_yes_that_still_holds_is_permission():
    tomorrow, yesterday = NOW + timedelta(days=1), NOW - timedelta(days=1)

    assert Wish(Choice.JA).is_permission(NOW)
    assert Wish(Choice.JA, tomorrow).is_permission(NOW)
    assert not any(wish.is_permission(NOW) for wish in (Wish(), Wish(Choice.JA, yesterday), Wish(Choice.JA, NOW)))
    assert not any(Wish(choice, tomorrow).is_permission(NOW) for choice in Choice if choice is not Choice.JA)


def a_place(offer_id):
    return Place(offer_id, uuid4(), uuid4(), "org", NOW)


OFFERS = [uuid4() for _ in range(3)]
steps = st.lists(
    st.tuples(st.sampled_from(["offered", "unanswered", "accepted", "under_way", "admitted", "released"]), st.sampled_from(OFFERS)),
    max_size=12,
)


@given(steps)
def test_a_journey_shows_a_place_exactly_while_one_is_kept(taken):
    journey = Journey(1)
    kept = None
    for step, offer_id in taken:
        if step in {"offered", "accepted", "admitted"}:
            journey = getattr(journey, step)(a_place(offer_id))
        else:
            journey = getattr(journey, step)(offer_id)
        if step in {"accepted", "admitted"}:
            kept = offer_id
        elif step == "released" and kept == offer_id:
            kept = None

    assert (journey.place.offer_id if journey.place else None) == kept
    assert (kept is None) == (journey.status in {Progress.REQUESTED, Progress.OFFERED})
    assert kept is not None or (journey.status is Progress.OFFERED) == bool(journey.offers)


def test_who_was_moved_keeps_the_new_place_when_the_old_one_is_given_up():
    journey = Journey(1).accepted(a_place(OFFERS[0])).offered(a_place(OFFERS[1])).accepted(a_place(OFFERS[1]))

    assert journey.released(OFFERS[0]) == journey
    assert journey.released(OFFERS[1]).status is Progress.REQUESTED


def test_every_change_of_what_is_shown_raises_the_version_and_nothing_else_does():
    case = a_case().asking(a_request())

    assert case.version == 2
    assert case.travelled(case.journey) is case
    assert case.travelled(replace(case.journey, escalated_to="ROAZ")).version == 3
    assert case.uncertain(is_uncertain=False) is case
