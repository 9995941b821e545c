"""Offer a request to one or several units, each with a hold."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from chassis.errors import FieldError, Rejected
from chassis.security.auth import Caller
from placement.application.holds import settle
from placement.application.offering import default_answer_by, offer_place
from placement.application.permission import may_offer
from placement.application.ports import Work
from placement.domain.matching import Exclusion, refusals
from placement.domain.offer import Offer
from placement.domain.request import Request
from placement.domain.room import is_answered
from placement.domain.states import OfferStatus, RequestStatus
from placement.domain.unit import Unit

OfferResult = Offer | Rejected
"""What became of one unit."""

# What a coordinator cannot talk over on the telephone. Of the other features a register may be silent, and distance is theirs to judge.
_NEVER_OFFERED = frozenset({Exclusion.ANDER_ZORGTYPE, Exclusion.ANDER_COHORT, Exclusion.ISOLATIE, Exclusion.ZUURSTOF, Exclusion.WZD})


async def make_offers(
    work: Work, case_id: UUID, unit_ids: Sequence[UUID], answer_by: datetime | None, who: Caller
) -> Sequence[OfferResult]:
    """Hold a place at each of these units and offer it, as far as there is one.

    Args:
        work: the transaction.
        case_id: whose request.
        unit_ids: whom to ask.
        answer_by: until when they may answer; by urgency when not given.
        who: who coordinates the request.

    Returns:
        Per unit, in the order given, the offer or why there is none.

    Raises:
        Rejected: 404, 403; 409 when nobody looks for a place any more, or none of these units has one; 422 for a deadline that cannot be.
    """
    request = (await work.requests.locked([case_id])).get(case_id)
    if request is None:
        raise Rejected("request-not-found", "There is no such request.", status=404)
    may_offer(who, request)
    if not request.is_seeking:
        raise Rejected("request-not-open", "Nobody looks for a place for this request any more.", status=409)
    now = await work.now()
    deadline = _deadline(work, request, answer_by, now)

    units = await work.units.locked(unit_ids)
    left = await _left(work, request, units)
    results = [
        _no_room() if unit_id in left else await _offer(work, request, units.get(unit_id), answer_by=deadline, now=now, who=who)
        for unit_id in unit_ids
    ]
    offers = [result for result in results if isinstance(result, Offer)]
    if not offers:
        raise Rejected("place-gone", "None of these units has a place that can be offered.", status=409)
    # Somebody acts: the search does not go on by itself until these are answered.
    await work.requests.change(request, unattended_at=None)
    await settle(work, {offer.unit_id for offer in offers}, now)
    return results


def _deadline(work: Work, request: Request, answer_by: datetime | None, now: datetime) -> datetime:
    if answer_by is None:
        return default_answer_by(work, request, now)
    latest = max(request.place_by, now + work.policy.answer_within[request.urgency])
    if not now < answer_by <= latest:
        raise Rejected(
            "bad-deadline",
            "The answer deadline lies ahead, and not after the time by which a place is needed.",
            errors=[FieldError("/answer_by", "lies between now and the request's place_by")],
        )
    return answer_by


async def _left(work: Work, request: Request, units: Mapping[UUID, Unit]) -> set[UUID]:
    """Of these units those that had no room for this patient on the figure that they still show, or where the patient has a place."""
    if not (request.moves or request.status is RequestStatus.MOVING):
        return set()
    placed = await work.offers.of_requests([request.case_id], {OfferStatus.ACCEPTED, OfferStatus.RELEASED})
    return {
        offer.unit_id
        for offer in placed
        if offer.unit_id in units
        and offer.round == request.round
        and (offer.is_holding or (offer.has_room is False and is_answered(offer, units[offer.unit_id])))
    }


def _no_room() -> Rejected:
    return Rejected("no-room", "This unit had no room for this patient, and has not looked again since.", status=409)


async def _offer(work: Work, request: Request, unit: Unit | None, *, answer_by: datetime, now: datetime, who: Caller) -> OfferResult:
    if unit is None:
        return Rejected("unit-not-found", "There is no such unit.", status=404)
    is_suitable = not any(reason in _NEVER_OFFERED for reason in refusals(request, unit, now))
    if is_suitable and (offer := await offer_place(work, request, unit, answer_by, now=now, made_by=who.subject)):
        return offer
    if any(offer.unit_id == unit.unit_id for offer in await work.offers.of_requests([request.case_id], {OfferStatus.OFFERED})):
        return Rejected("already-offered", "This unit is being asked already.", status=409)
    if not is_suitable:
        return Rejected("unit-unsuitable", "This unit does not give the care that is needed.")
    return Rejected("place-gone", "There is no place any more.", status=409)
