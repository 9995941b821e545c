"""A place is never given twice: what coordinators and providers notice of offers, holds and placements, on a real database."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from chassis.errors import Rejected
from chassis.security.auth import Caller
from chassis.security.roles import Role
from contracts.codes import CareType, ClosureOutcome, Urgency
from contracts.placement import RequestEnd
from placement.domain.offer import Offer
from placement.domain.states import OfferStatus, RequestStatus

ELSEWHERE = "zorggroep-west"


async def accepted(placement, free=1, **asked):
    """A placement on a new unit."""
    unit_id = await placement.unit(free)
    case_id = await placement.request(**asked)
    return case_id, unit_id, await placement.accept(await placement.offered(case_id, unit_id))


async def admitted(placement, **when):
    case_id, unit_id, found = await accepted(placement)
    return case_id, unit_id, await placement.admit(found, **when)


# Offers and the counter.


@pytest.mark.parametrize("free", [0, 1, 3])
async def test_many_at_once_never_get_more_places_than_there_are(placement, free):
    unit_id = await placement.unit(free)
    cases = [await placement.request() for _ in range(8)]

    async def ask(case_id):
        try:
            return await placement.offered(case_id, unit_id)
        except Rejected as refused:
            return refused.problem

    results = await asyncio.gather(*(ask(case_id) for case_id in cases))

    assert sum(isinstance(result, Offer) for result in results) == free
    assert [result for result in results if not isinstance(result, Offer)] == ["place-gone"] * (8 - free)
    assert await placement.held_by_all_accounts(unit_id) == free


async def test_no_place_is_given_on_a_figure_that_is_unknown_too_old_or_closed(placement):
    case_id = await placement.request()
    old = await placement.unit(3)
    await placement.later(hours=13)
    unknown = await placement.unit(None)
    closed = await placement.unit(3, open=0, closed_reason="UITBRAAK")

    for unit_id in (unknown, old, closed):
        with pytest.raises(Rejected) as refused:
            await placement.make_offers(case_id, unit_id)
        assert (refused.value.problem, refused.value.status) == ("place-gone", 409)


async def test_a_unit_with_more_places_is_asked_once_by_one_request(placement):
    unit_id, case_id = await placement.unit(2), await placement.request()
    await placement.offered(case_id, unit_id)

    with pytest.raises(Rejected):
        await placement.make_offers(case_id, unit_id)

    assert await placement.held_by_all_accounts(unit_id) == 1


async def test_units_that_have_no_place_do_not_keep_others_from_being_asked(placement):
    case_id = await placement.request()
    full, free, other_care = await placement.unit(0), await placement.unit(1), await placement.unit(1, care_type=CareType.GRZ)

    results = await placement.make_offers(case_id, full, free, uuid4(), other_care, free)

    assert [result.problem if isinstance(result, Rejected) else "offered" for result in results] == [
        "place-gone",
        "offered",
        "unit-not-found",
        "unit-unsuitable",
        "already-offered",
    ]
    assert await placement.held_by_all_accounts(free) == 1


async def test_a_coordinator_of_another_region_offers_nothing(placement):
    case_id, unit_id = await placement.request(), await placement.unit()

    with pytest.raises(Rejected) as refused:
        await placement.make_offers(case_id, unit_id, who=Caller("other", Role.COORDINATOR, region="VR15"))

    assert refused.value.status == 403


async def test_many_who_ask_the_same_units_in_another_order_do_not_wait_for_each_other_for_ever(placement):
    units = [await placement.unit(2) for _ in range(3)]
    cases = [await placement.request() for _ in range(8)]

    async def ask(case_id, asked):
        try:
            return [result for result in await placement.make_offers(case_id, *asked) if isinstance(result, Offer)]
        except Rejected:
            return []

    given = await asyncio.gather(*(ask(case_id, units if nth % 2 else units[::-1]) for nth, case_id in enumerate(cases)))

    assert sum(len(offers) for offers in given) == 6
    assert [await placement.held_by_all_accounts(unit_id) for unit_id in units] == [2, 2, 2]


async def test_danger_to_life_and_places_that_are_none_are_not_taken_up(placement):
    for fields in ({"urgency": Urgency.U1}, {"region": "VR04", "roaz": "XX"}):
        with pytest.raises(Rejected):
            await placement.asked(await placement.a_request(**fields))

    assert await placement.rows("select from requests") == []


# Answers.


async def test_the_first_acceptance_wins_and_the_others_are_free_again(placement):
    units = [await placement.unit() for _ in range(5)]
    case_id = await placement.request()
    offers = await placement.make_offers(case_id, *units)

    async def answer(offer):
        try:
            return await placement.accept(offer)
        except Rejected as refused:
            return refused

    answers = await asyncio.gather(*(answer(offer) for offer in offers))

    (winner,) = [one for one in answers if isinstance(one, Offer)]
    assert {refused.status for refused in answers if isinstance(refused, Rejected)} == {409}
    assert (await placement.request_now(case_id)).status is RequestStatus.PLACED
    for offer in await placement.offers_of(case_id):
        assert offer.status is (OfferStatus.ACCEPTED if offer.offer_id == winner.offer_id else OfferStatus.WITHDRAWN)
        assert await placement.held_by_all_accounts(offer.unit_id) == (offer.offer_id == winner.offer_id)
    assert sorted(await placement.facts(case_id)) == sorted(["request-opened", *["offer-made"] * 5, "offer-accepted", *["offer-ended"] * 4])


async def test_a_decline_frees_the_place_and_the_next_candidate_is_asked_by_itself(placement):
    case_id = await placement.request()
    unit_id, next_id = await placement.unit(), await placement.unit()
    offer = await placement.offered(case_id, unit_id)

    await placement.decline(offer, "GEEN_PERSONEEL")
    await placement.timers_go_off()

    assert await placement.held_by_all_accounts(unit_id) == 0
    first, second = await placement.offers_of(case_id)
    assert (first.status, first.reason) == (OfferStatus.DECLINED, "GEEN_PERSONEEL")
    assert (second.status, second.unit_id, second.is_automatic) == (OfferStatus.OFFERED, next_id, True)


async def test_a_late_answer_is_refused_with_what_happened_and_its_place_stays_free(placement):
    case_id, unit_id = await placement.request(), await placement.unit()
    offer = await placement.offered(case_id, unit_id)
    await placement.later(minutes=31)

    # The worker was down: nothing has expired yet, and still it is too late.
    with pytest.raises(Rejected) as refused:
        await placement.accept(offer)
    assert (refused.value.problem, refused.value.status) == ("offer-expired", 409)

    await placement.timers_go_off()
    with pytest.raises(Rejected) as refused:
        await placement.accept(offer, seen='"0"')
    assert (refused.value.problem, refused.value.status) == ("offer-expired", 409)
    assert await placement.held_by_all_accounts(unit_id) == 0


async def test_an_answer_needs_the_token_the_version_and_the_organisation_of_its_offer(placement):
    case_id, unit_id = await placement.request(), await placement.unit()
    offer = await placement.offered(case_id, unit_id)

    for given, status in (
        ({"token": "a guess"}, 403),
        ({"seen": '"7"'}, 412),
        ({"who": Caller("other", Role.PROVIDER, org=ELSEWHERE)}, 403),
    ):
        with pytest.raises(Rejected) as refused:
            await placement.accept(offer, **given)
        assert refused.value.status == status

    assert (await placement.offer_now(offer.offer_id)).status is OfferStatus.OFFERED


async def test_full_means_full_until_somebody_has_looked_again(placement):
    unit_id = await placement.unit(3)
    before = await placement.now()
    case_id = await placement.request()
    await placement.decline(await placement.offered(case_id, unit_id), "VOL")

    assert (await placement.unit_now(unit_id)).free == 0
    assert (await placement.published("placement.holds.v1", unit_id))[-1]["full_since"] is not None
    other = await placement.request()
    await placement.reports(unit_id, observed_at=before, occupied_reported_at=before)
    with pytest.raises(Rejected):
        await placement.make_offers(other, unit_id)

    await placement.later(minutes=1)
    await placement.reports(unit_id)
    await placement.offered(other, unit_id)
    assert (await placement.published("placement.holds.v1", unit_id))[-1]["full_since"] is None


@pytest.mark.parametrize(
    ("care_type", "reason", "is_valid"),
    [
        (CareType.ELV_HOOG, "NIET_EIGEN_CLIENT", False),
        (CareType.CORONA_UNIT, "GEEN_CIZ", False),
        (CareType.WLZ_REGULIER, "GEEN_CIZ", True),
        (CareType.ELV_HOOG, "IETS_NIEUWS", True),
    ],
)
async def test_a_refusal_that_is_not_valid_is_reported_and_the_offer_stays_open(placement, care_type, reason, is_valid):
    unit_id, case_id = await placement.unit(care_type=care_type), await placement.request(care_type=care_type)
    offer = await placement.offered(case_id, unit_id)

    answer = await placement.decline(offer, reason)

    assert isinstance(answer, Offer) is is_valid
    assert await placement.held_by_all_accounts(unit_id) == (not is_valid)
    assert ("refusal-reported" in await placement.facts(case_id)) is not is_valid
    if not is_valid:
        assert (answer.status, answer.problem) == (422, "reason-not-valid")
        await placement.accept(offer)


# Time passes.


async def test_nobody_answers_so_the_next_candidate_is_asked_once_with_the_due_time_told(placement):
    case_id = await placement.request()
    unit_id, next_id = await placement.unit(), await placement.unit()
    offer = await placement.offered(case_id, unit_id)

    # The worker was down for long.
    await placement.later(hours=2)
    await placement.timers_go_off()
    await placement.timers_go_off()

    assert [(one.unit_id, one.status) for one in await placement.offers_of(case_id)] == [
        (unit_id, OfferStatus.EXPIRED),
        (next_id, OfferStatus.OFFERED),
    ]
    (ended,) = [event for event in await placement.published("placement.placements.v1", case_id) if event["_type"] == "offer-ended"]
    assert ended["how"] == "EXPIRED"
    assert ended["due_at"] == offer.answer_by.isoformat().replace("+00:00", "Z")
    assert await placement.held_by_all_accounts(unit_id) == 0


async def test_when_nobody_acts_the_first_candidate_is_asked_by_itself(placement):
    unit_id, case_id = await placement.unit(), await placement.request(urgency=Urgency.U2)

    await placement.later(minutes=1, seconds=59)
    await placement.timers_go_off()
    assert await placement.offers_of(case_id) == []
    await placement.later(seconds=2)
    await placement.timers_go_off()

    (offer,) = await placement.offers_of(case_id)
    assert (offer.unit_id, offer.is_automatic, offer.made_by) == (unit_id, True, None)
    assert offer.answer_by - offer.made_at == timedelta(minutes=15)


async def test_the_search_goes_wider_region_by_region_and_at_last_to_lcps(placement):
    own = [await placement.unit() for _ in range(4)]
    neighbour = await placement.unit(vr="VR05")
    far = await placement.unit(vr="VR19")
    case_id = await placement.request(urgency=Urgency.U2)

    for _ in range(6):
        await placement.later(minutes=16)
        await placement.timers_go_off()

    asked = [offer.unit_id for offer in await placement.offers_of(case_id)]
    assert len(asked) == 4
    assert set(asked[:3]) < set(own)
    assert asked[3] == neighbour
    assert far not in asked
    request = await placement.request_now(case_id)
    assert (request.status, request.is_seeking) == (RequestStatus.BIJ_LCPS, True)
    wider = [event for event in await placement.published("placement.placements.v1", case_id) if event["_type"] == "request-escalated"]
    assert [event["to"] for event in wider] == ["ROAZ"] * 5 + ["LCPS"]
    await placement.offered(case_id, far, who=Caller("lcps", Role.LCPS))


async def test_two_requests_for_the_last_place_are_both_looked_after(placement):
    unit_id = await placement.unit(1)
    second_best = await placement.unit(1, vr="VR05")
    urgent, other = await placement.request(urgency=Urgency.U2), await placement.request(urgency=Urgency.U3)
    await placement.later(minutes=11)

    await placement.timers_go_off()

    (first,) = await placement.offers_of(urgent)
    (second,) = await placement.offers_of(other)
    assert (first.unit_id, second.unit_id) == (unit_id, second_best)
    assert await placement.is_sound()


async def test_an_accepted_hold_warns_before_its_end_and_then_the_request_is_on_top_again(placement):
    case_id, unit_id, found = await accepted(placement)

    await placement.later(hours=7, minutes=31)
    await placement.timers_go_off()
    warned = await placement.offer_now(found.offer_id)
    assert (warned.status, warned.warned_at is not None) == (OfferStatus.ACCEPTED, True)
    await placement.later(minutes=30)
    await placement.timers_go_off()

    assert (await placement.offer_now(found.offer_id)).status is OfferStatus.RELEASED
    request = await placement.request_now(case_id)
    assert (request.status, request.is_on_top) == (RequestStatus.OPEN, True)
    assert (await placement.facts(case_id))[-2:] == ["placement-released", "request-opened"]
    assert await placement.held_by_all_accounts(unit_id) == 0


async def test_a_patient_on_the_way_keeps_the_place_however_long_it_takes(placement):
    case_id, unit_id, found = await accepted(placement)
    underway = await placement.leave(found)
    assert underway.held_until is None

    await placement.later(hours=48)
    await placement.timers_go_off()

    late = await placement.offer_now(found.offer_id)
    assert (late.status, late.warned_at is not None) == (OfferStatus.UNDERWAY, True)
    assert await placement.held_by_all_accounts(unit_id) == 1
    await placement.admit(late)
    assert (await placement.request_now(case_id)).ended is RequestEnd.ADMITTED


# Admission, and what providers report.


async def test_a_report_from_before_the_admission_does_not_free_the_place_and_one_well_after_it_does(placement):
    _, unit_id, patient = await admitted(placement)

    for observed_at in (patient.admitted_at - timedelta(minutes=1), patient.admitted_at + timedelta(seconds=119)):
        await placement.reports(unit_id, observed_at=observed_at, occupied_reported_at=observed_at)
        assert await placement.held_by_all_accounts(unit_id) == 1
    # A confirmation or a report of other figures: newer, but `occupied` was not stated.
    await placement.reports(unit_id, observed_at=patient.admitted_at + timedelta(hours=1), occupied_reported_at=patient.admitted_at)
    assert await placement.held_by_all_accounts(unit_id) == 1

    await placement.reports(unit_id, occupied_reported_at=patient.admitted_at + timedelta(minutes=2))

    assert await placement.held_by_all_accounts(unit_id) == 0
    (absorbed,) = (await placement.published("placement.holds.v1", unit_id))[-1]["absorbed"]
    assert absorbed == {"hold_id": str(patient.offer_id), "unit_version": placement.versions[unit_id]}


async def test_a_report_that_names_the_patient_frees_the_place_at_once(placement):
    _, unit_id, patient = await admitted(placement)

    await placement.reports(unit_id, includes_holds=(patient.offer_id,), occupied_reported_at=patient.admitted_at - timedelta(hours=1))

    assert await placement.held_by_all_accounts(unit_id) == 0
    assert (await placement.offer_now(patient.offer_id)).status is OfferStatus.ABSORBED


async def test_a_placement_that_the_figures_name_does_not_count_beside_them_while_they_do(placement):
    _, unit_id, found = await accepted(placement, free=2)

    await placement.reports(unit_id, includes_holds=(found.offer_id,), occupied=9, free=1)
    assert (await placement.unit_now(unit_id)).held == 0
    await placement.reports(unit_id, includes_holds=(), occupied=8, free=2)
    assert (await placement.unit_now(unit_id)).held == 1
    await placement.reports(unit_id, includes_holds=(found.offer_id,), occupied=9, free=1)
    await placement.release(found)

    assert (await placement.unit_now(unit_id)).held == 0
    assert await placement.is_sound()


async def test_the_patient_may_lie_elsewhere_also_where_there_was_no_room(placement):
    case_id, unit_id, found = await accepted(placement)
    full = await placement.unit(0)

    await placement.admit(found, unit_id=full)

    assert await placement.held_by_all_accounts(unit_id) == 0
    assert await placement.held_by_all_accounts(full) == 1
    assert (await placement.facts(case_id))[-2:] == ["patient-admitted", "request-closed"]


async def test_nobody_is_admitted_to_a_unit_of_another_organisation(placement):
    _, _, found = await accepted(placement)

    with pytest.raises(Rejected) as refused:
        await placement.admit(found, unit_id=await placement.unit(organisation=ELSEWHERE))

    assert refused.value.status == 422


async def test_an_admission_that_is_told_long_after_is_contained_in_what_was_reported_since(placement):
    _, unit_id, found = await accepted(placement)
    admitted_at = await placement.now()
    await placement.later(minutes=30)
    await placement.reports(unit_id)

    patient = await placement.admit(found, admitted_at=admitted_at)

    assert patient.status is OfferStatus.ABSORBED
    assert await placement.held_by_all_accounts(unit_id) == 0


# More held than free.


async def test_when_room_is_gone_open_offers_give_way_least_urgent_first_and_accepted_ones_are_asked_about(placement):
    unit_id = await placement.unit(4)
    cases = [await placement.request(urgency=urgency) for urgency in (Urgency.U3, Urgency.U2, Urgency.U5, Urgency.U2)]
    first = await placement.accept(await placement.offered(cases[0], unit_id))
    urgent, calm, urgent_too = [await placement.offered(case_id, unit_id) for case_id in cases[1:]]

    await placement.reports(unit_id, occupied=8, free=2)
    await placement.later(seconds=59)
    await placement.timers_go_off()
    assert await placement.held_by_all_accounts(unit_id) == 4
    await placement.later(seconds=2)
    await placement.timers_go_off()

    still = {offer.offer_id: (await placement.offer_now(offer.offer_id)).status for offer in (first, urgent, calm, urgent_too)}
    assert list(still.values()) == [OfferStatus.ACCEPTED, OfferStatus.OFFERED, OfferStatus.WITHDRAWN, OfferStatus.WITHDRAWN]
    assert await placement.held_by_all_accounts(unit_id) == 2
    assert not (await placement.offer_now(first.offer_id)).needs_confirmation

    await placement.reports(unit_id, occupied=10, free=0)
    await placement.later(seconds=61)
    await placement.timers_go_off()
    asked = await placement.offer_now(first.offer_id)
    assert (asked.status, asked.needs_confirmation) == (OfferStatus.ACCEPTED, True)
    await placement.reports(unit_id, occupied=9, free=1)
    assert not (await placement.offer_now(first.offer_id)).needs_confirmation


async def test_figures_and_holds_that_cross_each_other_for_a_moment_withdraw_nothing(placement):
    unit_id, case_id = await placement.unit(1), await placement.request()
    offer = await placement.offered(case_id, unit_id)
    await placement.reports(unit_id, occupied=10, free=0)
    await placement.later(seconds=30)
    await placement.reports(unit_id, occupied=9, free=1)
    await placement.later(seconds=10)
    await placement.reports(unit_id, occupied=10, free=0)

    await placement.later(seconds=25)
    await placement.timers_go_off()

    assert (await placement.offer_now(offer.offer_id)).status is OfferStatus.OFFERED


# The case goes on elsewhere.


async def test_a_cancellation_frees_what_was_offered_and_what_was_accepted(placement):
    units = [await placement.unit() for _ in range(3)]
    asked, placed = await placement.request(), await placement.request()
    await placement.make_offers(asked, *units[:2])
    await placement.accept(await placement.offered(placed, units[2]))

    await placement.cancel(asked)
    await placement.closed(placed, outcome=ClosureOutcome.OVERLEDEN)

    assert [await placement.held_by_all_accounts(unit_id) for unit_id in units] == [0, 0, 0]
    assert (await placement.request_now(asked)).ended is RequestEnd.CANCELLED
    assert (await placement.request_now(placed)).ended is RequestEnd.DECEASED
    assert (await placement.facts(placed))[-2:] == ["placement-released", "request-closed"]


async def test_a_case_that_closes_because_a_place_was_found_keeps_it(placement):
    case_id, unit_id, _ = await accepted(placement)

    await placement.closed(case_id, outcome=ClosureOutcome.GEPLAATST)

    assert (await placement.request_now(case_id)).status is RequestStatus.PLACED
    assert await placement.held_by_all_accounts(unit_id) == 1


async def test_an_acceptance_and_a_cancellation_at_once_leave_one_of_them_and_nothing_held_for_nobody(placement):
    for _ in range(5):
        unit_id, case_id = await placement.unit(), await placement.request()
        offer = await placement.offered(case_id, unit_id)

        await asyncio.gather(placement.accept(offer), placement.closed(case_id), return_exceptions=True)

        # Cancelled either before it was accepted or after: then it is a release.
        assert (await placement.request_now(case_id)).status is RequestStatus.CLOSED
        assert (await placement.offer_now(offer.offer_id)).status in {OfferStatus.WITHDRAWN, OfferStatus.RELEASED}
        assert await placement.held_by_all_accounts(unit_id) == 0


async def test_what_was_cancelled_before_it_came_does_nothing_when_it_comes(placement):
    event = await placement.a_request()
    await placement.handed_over(event.case_id)

    await placement.asked(event)

    assert await placement.rows("select from requests") == []
    assert await placement.published("placement.placements.v1") == []


async def test_a_request_that_is_delivered_again_opens_nothing_twice(placement):
    event = await placement.a_request()
    await placement.asked(event, event)
    unit_id = await placement.unit()
    offer = await placement.offered(event.case_id, unit_id)

    await placement.asked(event)
    await placement.closed(event.case_id)
    await placement.closed(event.case_id)
    await placement.asked(event)

    assert (await placement.request_now(event.case_id)).status is RequestStatus.CLOSED
    assert await placement.facts(event.case_id) == ["request-opened", "offer-made", "offer-ended", "request-closed"]
    assert (await placement.offer_now(offer.offer_id)).status is OfferStatus.WITHDRAWN


async def test_the_next_round_replaces_the_one_before_and_its_answers_come_too_late(placement):
    event = await placement.a_request()
    await placement.asked(event)
    unit_id = await placement.unit()
    offer = await placement.offered(event.case_id, unit_id)

    await placement.asked(event.model_copy(update={"round": 2, "urgency": Urgency.U2}))

    with pytest.raises(Rejected) as refused:
        await placement.accept(offer)
    assert refused.value.status == 409
    request = await placement.request_now(event.case_id)
    assert (request.round, request.status, request.urgency, request.asked_units) == (2, RequestStatus.OPEN, Urgency.U2, frozenset())
    assert await placement.held_by_all_accounts(unit_id) == 0
    assert await placement.facts(event.case_id) == ["request-opened", "offer-made", "offer-ended", "request-closed", "request-opened"]


async def test_an_older_state_of_a_unit_that_is_delivered_again_changes_nothing(placement):
    unit_id = await placement.unit(2)
    await placement.offered(await placement.request(), unit_id)
    older = placement.last_told[unit_id]
    await placement.reports(unit_id, occupied=9, free=1)

    placement.versions[unit_id] -= 2
    await placement.told([older])

    assert (await placement.unit_now(unit_id)).free == 1
    assert await placement.held_by_all_accounts(unit_id) == 1


async def test_the_audit_sees_a_counter_that_was_tampered_with_and_a_hold_without_an_end(placement):
    unit_id, case_id = await placement.unit(2), await placement.request()
    await placement.offered(case_id, unit_id)
    assert await placement.is_sound()

    await placement.rows("update units set held = 2")
    assert not await placement.is_sound()
    await placement.rows("update units set held = 1")
    await placement.rows("truncate timers")
    await placement.later(hours=2)
    await placement.timers_go_off()
    assert not await placement.is_sound()
