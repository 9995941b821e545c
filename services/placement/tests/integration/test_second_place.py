"""No room after all where a patient was accepted: what providers and coordinators notice until there is a second place."""

import asyncio
from datetime import timedelta

import pytest

from chassis.errors import Rejected
from chassis.security.auth import Caller
from chassis.security.roles import Role
from contracts.codes import Urgency
from contracts.placement import RequestEnd
from placement.domain.offer import Offer
from placement.domain.request import MOST_MOVES
from placement.domain.states import OfferStatus, RequestStatus

LCPS = Caller("lcps", Role.LCPS)
THEIRS = {"role": Role.PROVIDER, "org": "zorggroep-oost", "region": None}


async def doubted(placement, unit_id, found, **figures):
    """The provider's figures leave no room for a patient whom it accepted, and a minute later it is asked."""
    await placement.reports(unit_id, **{"occupied": 10, "free": 0, **figures})
    await placement.later(seconds=61)
    await placement.timers_go_off()
    asked = await placement.offer_now(found.offer_id)
    assert asked.needs_confirmation
    return asked


async def accepted(placement, **asked):
    unit_id, case_id = await placement.unit(), await placement.request(**asked)
    return case_id, unit_id, await placement.accept(await placement.offered(case_id, unit_id))


async def moving(placement, **asked):
    """A request whose first provider has said that there is no room."""
    case_id, unit_id, found = await accepted(placement, **asked)
    return case_id, unit_id, await placement.confirm(await doubted(placement, unit_id, found), has_room=False)


async def told_of(placement, case_id, kind):
    return [event for event in await placement.published("placement.placements.v1", case_id) if event["_type"] == kind]


async def status_of(placement, case_id):
    return (await placement.request_now(case_id)).status


# The question and its answer.


async def test_a_provider_that_has_room_after_all_keeps_the_patient_and_is_not_asked_again_on_the_same_figure(placement):
    case_id, unit_id, found = await accepted(placement)
    asked = await doubted(placement, unit_id, found)
    assert asked.confirm_by - await placement.now() > timedelta(minutes=29)

    kept = await placement.confirm(asked, has_room=True)
    await placement.later(hours=2)
    await placement.timers_go_off()

    assert (kept.status, kept.has_room, kept.needs_confirmation, kept.confirm_by) == (OfferStatus.ACCEPTED, True, False, None)
    assert not (await placement.offer_now(found.offer_id)).needs_confirmation
    assert await status_of(placement, case_id) is RequestStatus.PLACED
    (answered,) = await told_of(placement, case_id, "room-answered")
    assert (answered["has_room"], answered["how"]) == (True, "PROVIDER")
    # A newer look at the ward that still leaves no room is another question.
    await doubted(placement, unit_id, kept)


async def test_without_room_a_second_place_is_found_by_itself_and_only_then_the_first_is_given_up(placement):
    case_id, unit_id, first = await moving(placement)
    second_id = await placement.unit()

    request = await placement.request_now(case_id)
    assert (request.status, request.is_on_top, request.moves) == (RequestStatus.MOVING, True, 0)
    assert await placement.held_by_all_accounts(unit_id) == 1
    await placement.later(minutes=11)
    await placement.timers_go_off()
    _, second = await placement.offers_of(case_id)
    assert (second.unit_id, second.status, second.is_automatic) == (second_id, OfferStatus.OFFERED, True)
    assert await placement.held_by_all_accounts(unit_id) == 1

    await placement.accept(second)

    given_up = await placement.offer_now(first.offer_id)
    assert (given_up.status, given_up.reason) == (OfferStatus.RELEASED, "MOVED")
    request = await placement.request_now(case_id)
    assert (request.status, request.is_on_top, request.moves) == (RequestStatus.PLACED, False, 1)
    assert [await placement.held_by_all_accounts(one) for one in (unit_id, second_id)] == [0, 1]
    # One place at a time, also for who reads along: identity goes from the one to the other.
    assert (await placement.facts(case_id))[-4:] == ["room-answered", "offer-made", "placement-released", "offer-accepted"]
    assert await placement.is_sound()


async def test_no_answer_in_time_is_no_room(placement):
    case_id, unit_id, found = await accepted(placement, urgency=Urgency.U2)
    await doubted(placement, unit_id, found)

    await placement.later(minutes=14)
    await placement.timers_go_off()
    assert await status_of(placement, case_id) is RequestStatus.PLACED
    await placement.later(minutes=2)
    await placement.timers_go_off()

    assert await status_of(placement, case_id) is RequestStatus.MOVING
    (answered,) = await told_of(placement, case_id, "room-answered")
    assert (answered["has_room"], answered["how"]) == (False, "SILENCE")
    assert await placement.held_by_all_accounts(unit_id) == 1


async def test_a_unit_that_closes_has_no_room_at_once(placement):
    case_id, unit_id, found = await accepted(placement)

    await placement.reports(unit_id, open=0, occupied=0, free=0, closed_reason="UITBRAAK")
    await placement.timers_go_off()

    assert await status_of(placement, case_id) is RequestStatus.MOVING
    assert (await placement.offer_now(found.offer_id)).has_room is False
    (answered,) = await told_of(placement, case_id, "room-answered")
    assert answered["how"] == "CLOSURE"
    # Yet the provider may keep this one place.
    await placement.confirm(await placement.offer_now(found.offer_id), has_room=True)
    await placement.timers_go_off()
    assert await status_of(placement, case_id) is RequestStatus.PLACED


async def test_an_answer_needs_the_token_the_version_and_the_organisation_and_somebody_who_asks(placement):
    case_id, unit_id, found = await accepted(placement)
    for has_room in (True, False):
        with pytest.raises(Rejected) as refused:
            await placement.confirm(found, has_room=has_room)
        assert (refused.value.problem, refused.value.status) == ("room-not-asked", 409)
    asked = await doubted(placement, unit_id, found)

    for given, status in (
        ({"token": "a guess"}, 403),
        ({"seen": '"1"'}, 412),
        ({"who": Caller("other", Role.PROVIDER, org="zorggroep-west")}, 403),
    ):
        with pytest.raises(Rejected) as refused:
            await placement.confirm(asked, has_room=False, **given)
        assert refused.value.status == status

    assert await status_of(placement, case_id) is RequestStatus.PLACED
    admitted = await placement.admit(await placement.offer_now(found.offer_id))
    with pytest.raises(Rejected) as refused:
        await placement.confirm(admitted, has_room=False, seen='"1"')
    assert (refused.value.problem, refused.value.status) == ("offer-admitted", 409)


async def test_over_http_the_same_answer_twice_is_one_answer(placement):
    case_id, unit_id, found = await accepted(placement)
    open_offer = await placement.offered(await placement.request(), await placement.unit())
    asked = await doubted(placement, unit_id, found)
    path, body = f"offers/{asked.offer_id}/confirmation", {"token": asked.token, "has_room": False}

    assert (await placement.post(path, body, **THEIRS)).status_code == 428
    assert (await placement.post(path, {"token": asked.token}, seen=asked.version, **THEIRS)).status_code == 422
    early = {"token": open_offer.token, "has_room": True}
    assert (await placement.post(f"offers/{open_offer.offer_id}/confirmation", early, seen=1, **THEIRS)).status_code == 409
    answers = [await placement.post(path, body, seen=asked.version, headers={"Idempotency-Key": "k"}, **THEIRS) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    shown = answers[0].json()
    assert (shown["has_room"], shown["needs_confirmation"], shown["status"]) == (False, False, "ACCEPTED")
    assert len(await told_of(placement, case_id, "room-answered")) == 1
    shown = (await placement.get(f"requests/{case_id}")).json()
    assert (shown["status"], shown["moves"], shown["placement_id"]) == ("MOVING", 0, str(asked.offer_id))


async def test_a_report_that_names_the_patient_is_an_answer_also_while_others_there_have_no_room(placement):
    unit_id = await placement.unit(2)
    cases = [await placement.request(), await placement.request()]
    first, second = [await placement.accept(await placement.offered(case_id, unit_id)) for case_id in cases]
    await doubted(placement, unit_id, first)

    await placement.reports(unit_id, occupied=10, free=0, includes_holds=(first.offer_id,))
    await placement.later(minutes=31)
    await placement.timers_go_off()

    assert [await status_of(placement, case_id) for case_id in cases] == [RequestStatus.PLACED, RequestStatus.MOVING]
    assert not (await placement.offer_now(first.offer_id)).needs_confirmation
    assert (await placement.offer_now(second.offer_id)).has_room is False
    assert await placement.is_sound()


# While a second place is sought.


async def test_room_after_all_ends_the_search_and_what_was_offered_elsewhere_is_free_again(placement):
    case_id, _, first = await moving(placement)
    others = [await placement.unit(), await placement.unit()]
    await placement.make_offers(case_id, *others)

    await placement.confirm(first, has_room=True)

    assert [(one.unit_id in others, one.status) for one in await placement.offers_of(case_id)] == [
        (False, OfferStatus.ACCEPTED),
        (True, OfferStatus.WITHDRAWN),
        (True, OfferStatus.WITHDRAWN),
    ]
    assert [await placement.held_by_all_accounts(one) for one in others] == [0, 0]
    request = await placement.request_now(case_id)
    assert (request.status, request.is_on_top, request.unattended_at) == (RequestStatus.PLACED, False, None)
    await placement.later(hours=1)
    await placement.timers_go_off()
    assert len(await placement.offers_of(case_id)) == 3


async def test_figures_that_show_room_again_end_the_search_too_but_only_newer_ones(placement):
    case_id, unit_id, first = await moving(placement)
    second = await placement.offered(case_id, await placement.unit())
    before = first.room_answered_at - timedelta(minutes=5)

    await placement.reports(unit_id, occupied=9, free=1, observed_at=before, occupied_reported_at=before)
    await placement.timers_go_off()
    assert await status_of(placement, case_id) is RequestStatus.MOVING
    await placement.reports(unit_id, occupied=9, free=1)
    await placement.timers_go_off()

    assert await status_of(placement, case_id) is RequestStatus.PLACED
    assert (await placement.offer_now(second.offer_id)).status is OfferStatus.WITHDRAWN
    kept = await placement.offer_now(first.offer_id)
    assert (kept.status, kept.has_room) == (OfferStatus.ACCEPTED, None)
    assert [event["how"] for event in await told_of(placement, case_id, "room-answered")] == ["PROVIDER", "FIGURES"]


async def test_who_was_moved_is_not_offered_the_same_unit_on_the_same_figure_again(placement):
    unit_id, case_id, other = await placement.unit(2), await placement.request(), await placement.request()
    found = await placement.accept(await placement.offered(case_id, unit_id))
    neighbour = await placement.accept(await placement.offered(other, unit_id))
    first = await placement.confirm(await doubted(placement, unit_id, found, occupied=9, free=1), has_room=False)

    async def offered_again():
        with pytest.raises(Rejected) as refused:
            await placement.make_offers(case_id, unit_id)
        return refused.value.problem

    assert await offered_again() == "place-gone"
    second_id = await placement.unit()
    (refusal, second) = await placement.make_offers(case_id, unit_id, second_id)
    assert isinstance(refusal, Rejected)
    assert (refusal.problem, refusal.status) == ("no-room", 409)
    second = await placement.accept(second)
    # The neighbour goes as well, so there is a place by the figure that had none for this patient.
    await placement.release(await placement.offer_now(neighbour.offer_id))
    again = await placement.confirm(await doubted(placement, second_id, second), has_room=False)
    await placement.later(minutes=11)
    await placement.timers_go_off()
    assert (again.status, await offered_again()) == (OfferStatus.ACCEPTED, "place-gone")
    assert {offer.unit_id for offer in await placement.offers_of(case_id)} == {unit_id, second_id}

    await placement.reports(unit_id, occupied=9, free=1)
    assert (await placement.offered(case_id, unit_id)).unit_id == first.unit_id


async def test_after_three_moves_nobody_is_sent_on_by_itself_and_a_coordinator_decides(placement):
    case_id, unit_id, found = await accepted(placement)
    for _ in range(MOST_MOVES):
        first = await placement.confirm(await doubted(placement, unit_id, found), has_room=False)
        unit_id = await placement.unit()
        found = await placement.accept(await placement.offered(case_id, unit_id))
    assert await told_of(placement, case_id, "request-escalated") == []

    first = await placement.confirm(await doubted(placement, unit_id, found), has_room=False)
    free_id, other_id = await placement.unit(), await placement.unit()
    await placement.later(hours=3)
    await placement.timers_go_off()

    (warned,) = await told_of(placement, case_id, "request-escalated")
    assert (warned["to"], warned["region"]) == ("COORDINATOR", None)
    request = await placement.request_now(case_id)
    assert (request.status, request.moves, request.unattended_at) == (RequestStatus.MOVING, MOST_MOVES, None)
    assert await placement.held_by_all_accounts(free_id) == 0
    assert await placement.is_sound()
    # The coordinator decides, and a refusal does not set the search going again.
    declined = await placement.offered(case_id, free_id)
    await placement.decline(declined)
    await placement.later(hours=1)
    await placement.timers_go_off()
    assert await placement.held_by_all_accounts(other_id) == 0
    await placement.accept(await placement.offered(case_id, other_id))
    assert (await placement.offer_now(first.offer_id)).status is OfferStatus.RELEASED


async def test_a_patient_on_the_way_is_never_sent_elsewhere_by_itself_but_a_coordinator_is_told(placement):
    case_id, unit_id, found = await accepted(placement)
    asked = await doubted(placement, unit_id, await placement.leave(found))

    await placement.confirm(asked, has_room=False)
    await placement.unit()
    await placement.later(hours=3)
    await placement.timers_go_off()

    assert await status_of(placement, case_id) is RequestStatus.PLACED
    (underway,) = await placement.offers_of(case_id)
    assert (underway.status, underway.has_room) == (OfferStatus.UNDERWAY, False)
    assert [event["to"] for event in await told_of(placement, case_id, "request-escalated")] == ["COORDINATOR"]
    assert await placement.is_sound()


async def test_transport_that_leaves_for_the_first_place_ends_the_search(placement):
    case_id, unit_id, first = await moving(placement)
    second = await placement.offered(case_id, await placement.unit())

    await placement.leave(first)

    assert await status_of(placement, case_id) is RequestStatus.PLACED
    assert (await placement.offer_now(second.offer_id)).status is OfferStatus.WITHDRAWN
    assert [await placement.held_by_all_accounts(one) for one in (unit_id, second.unit_id)] == [1, 0]
    assert await placement.is_sound()


async def test_a_patient_who_came_to_the_first_place_all_the_same_needs_no_second(placement):
    case_id, unit_id, first = await moving(placement)
    second = await placement.offered(case_id, await placement.unit())

    await placement.admit(first)

    assert (await placement.request_now(case_id)).ended is RequestEnd.ADMITTED
    assert (await placement.offer_now(second.offer_id)).status is OfferStatus.WITHDRAWN
    assert [await placement.held_by_all_accounts(one) for one in (unit_id, second.unit_id)] == [1, 0]


async def test_a_first_place_that_is_given_up_leaves_the_questions_that_are_open(placement):
    case_id, unit_id, first = await moving(placement)
    second = await placement.offered(case_id, await placement.unit())

    await placement.release(first)

    request = await placement.request_now(case_id)
    assert (request.status, request.unattended_at) == (RequestStatus.OPEN, None)
    assert await placement.held_by_all_accounts(unit_id) == 0
    await placement.accept(second)
    assert (await placement.request_now(case_id)).moves == 0


async def test_a_cancellation_frees_both_places(placement):
    case_id, unit_id, _ = await moving(placement)
    second = await placement.offered(case_id, await placement.unit())

    await placement.cancel(case_id)

    assert [await placement.held_by_all_accounts(one) for one in (unit_id, second.unit_id)] == [0, 0]
    assert await status_of(placement, case_id) is RequestStatus.CLOSED


async def test_when_no_region_has_a_second_place_lcps_sees_the_request_and_where_the_patient_is_kept(placement):
    case_id, _, first = await moving(placement)

    await placement.later(minutes=11)
    await placement.timers_go_off()

    request = await placement.request_now(case_id)
    assert (request.status, request.is_escalated, request.unattended_at) == (RequestStatus.MOVING, True, None)
    assert [event["to"] for event in await told_of(placement, case_id, "request-escalated")][-1] == "LCPS"
    # Changed, so that it is told to who follows the offers live.
    assert (await placement.offer_now(first.offer_id)).version > first.version
    shown = (await placement.get("offers", role=Role.LCPS, region=None)).json()["items"]
    assert [one["offer_id"] for one in shown] == [str(first.offer_id)]
    assert await placement.is_sound()
    far = await placement.unit(vr="VR19")
    second = await placement.offered(case_id, far, who=LCPS)
    await placement.accept(second)
    assert (await placement.offer_now(first.offer_id)).status is OfferStatus.RELEASED


# At the same moment.


@pytest.mark.parametrize("how", ["room after all", "on the way", "there"])
async def test_a_second_acceptance_and_the_first_place_after_all_at_once_leave_one_place(placement, how):
    for _ in range(5):
        case_id, unit_id, first = await moving(placement)
        second = await placement.offered(case_id, await placement.unit())
        act = {
            "room after all": lambda first=first: placement.confirm(first, has_room=True),
            "on the way": lambda first=first: placement.leave(first),
            "there": lambda first=first: placement.admit(first),
        }[how]

        answers = await asyncio.gather(placement.accept(second), act(), return_exceptions=True)

        assert sum(isinstance(answer, Offer) for answer in answers) == 1
        assert [answer.status for answer in answers if isinstance(answer, Rejected)] == [409]
        assert sum([await placement.held_by_all_accounts(one) for one in (unit_id, second.unit_id)]) == 1
        assert await placement.is_sound()


async def test_of_five_second_places_accepted_at_once_one_wins_and_the_first_is_given_up_once(placement):
    case_id, unit_id, first = await moving(placement)
    offers = await placement.make_offers(case_id, *[await placement.unit() for _ in range(5)])

    answers = await asyncio.gather(*(placement.accept(offer) for offer in offers), return_exceptions=True)

    assert sum(isinstance(answer, Offer) for answer in answers) == 1
    held = [await placement.held_by_all_accounts(one) for one in (unit_id, *(offer.unit_id for offer in offers))]
    assert (held[0], sum(held)) == (0, 1)
    assert (await placement.request_now(case_id)).moves == 1
    assert len(await told_of(placement, case_id, "placement-released")) == 1
    assert (await placement.offer_now(first.offer_id)).reason == "MOVED"


# The audit.


@pytest.mark.parametrize(
    "tampered",
    [
        "update offers set confirm_by = db_clock() - interval '2 minutes' where needs_confirmation",
        "update offers set has_room = false, room_answered_at = db_clock()",
        "update requests set status = 'MOVING'",
    ],
)
async def test_the_audit_sees_a_question_that_waits_for_ever_and_a_search_that_is_none(placement, tampered):
    _, unit_id, found = await accepted(placement)
    await doubted(placement, unit_id, found)
    assert await placement.is_sound()

    await placement.rows(tampered)

    assert not await placement.is_sound()


async def test_the_audit_sees_a_second_place_that_nobody_looks_for_any_more(placement):
    case_id, _, _ = await moving(placement)
    assert await placement.is_sound()

    await placement.rows("update requests set unattended_at = null where case_id = $1", case_id)

    assert not await placement.is_sound()
