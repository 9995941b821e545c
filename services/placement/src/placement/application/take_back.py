"""After a restore: take up again what placement itself once told of a request, and its database has forgotten.

Who was promised a place keeps it: an accepted hold that nobody counts would be given to the next patient. An offer that nobody has answered is
no promise, and its token is lost: it ends.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from contracts.placement import PLACEMENTS, AtUnit, OfferEnd, OfferEndedV1, OfferMadeV1, RequestClosedV1, RequestEnd
from placement.application.end_requests import end_requests
from placement.application.events import placement_released
from placement.application.holds import end_hold, settle, withdraw
from placement.application.ports import Due, Work
from placement.application.searching import after_offer_ended
from placement.application.timers import HOLD_ENDS, HOLD_WARNING
from placement.application.told_offers import told_offers
from placement.domain.offer import Offer
from placement.domain.request import Request
from placement.domain.states import HOLDING, PLACEMENTS_NOW, OfferStatus, RequestStatus
from placement.domain.unit import Unit

_CANCELLED = "CANCELLED"


async def take_back(work: Work, case_id: UUID, told: Sequence[AtUnit | RequestClosedV1]) -> Sequence[str]:
    """Bring the offers of a case to where these events left them, and its request with them.

    Args:
        work: the transaction.
        case_id: whose request.
        told: what the database has forgotten of this case, in order.

    Returns:
        What people must do, a line each.
    """
    request = (await work.requests.locked([case_id])).get(case_id)
    events = [one for one in told if isinstance(one, AtUnit)]
    before = await work.offers.find({one.offer_id for one in events})
    others = await work.offers.of_requests([case_id], HOLDING)
    units = await work.units.locked({*(one.unit_id for one in (*before.values(), *others)), *(one.unit_id for one in events)})
    now = await work.now()
    after = told_offers(events, before)
    standing = [one for one in after.values() if one.status in HOLDING and (request is None or one.unit_id not in units)]
    if request is None or standing:
        return [
            f"placement {one.offer_id} of case {case_id} at unit {one.unit_id} stood at {one.status}: call {one.organisation}"
            for one in standing
        ]

    known = {offer_id: offer for offer_id, offer in after.items() if offer_id in before or offer.status is not OfferStatus.OFFERED}
    await work.offers.put_back(list(known.values()))
    await work.units.recount(list(units))
    _end_unanswered(work, [one for one in events if isinstance(one, OfferMadeV1) and one.offer_id not in known], now)
    ends = {str(one.offer_id): one.held_until for one in known.values() if one.status in PLACEMENTS_NOW and one.held_until is not None}
    await work.timers.set(HOLD_ENDS, [Due(offer_id, at) for offer_id, at in ends.items()])
    await work.timers.set(HOLD_WARNING, [Due(offer_id, at - work.policy.warned_before_end) for offer_id, at in ends.items()])
    closed = [one for one in told if isinstance(one, RequestClosedV1) and one.round == request.round]
    await _bring_in_line(work, request, closed[-1].how if closed else None, units, now)
    await settle(work, units, now)
    return []


def _end_unanswered(work: Work, offers: Collection[OfferMadeV1], now: datetime) -> None:
    for made in offers:
        at_unit = made.model_dump(include=set(AtUnit.model_fields))
        ended = OfferEndedV1(**at_unit, how=OfferEnd.WITHDRAWN, made_at=made.made_at, due_at=None, ended_at=now)
        work.publish(PLACEMENTS, ended, key=str(made.case_id))


async def _bring_in_line(work: Work, request: Request, closed: RequestEnd | None, units: Mapping[UUID, Unit], now: datetime) -> None:
    """Let a locked request say what its offers say."""
    offers = [one for one in await work.offers.of_requests([request.case_id], HOLDING) if one.round == request.round]
    placed = [one for one in offers if one.status in PLACEMENTS_NOW]
    asked = [one for one in offers if one.is_open]
    if request.status is RequestStatus.CLOSED:
        await _give_up(work, placed, units, now)
    elif any(one.status is OfferStatus.ADMITTED for one in offers):
        request = await _place(work, request)
        await work.requests.move(request, RequestStatus.CLOSED, ended=RequestEnd.ADMITTED.value, ended_at=now, unattended_at=None)
        await withdraw(work, asked, units, now)
    elif closed is not None:
        await end_requests(work, [request], {request.case_id: closed}, now)
    elif not placed:
        if request.status in {RequestStatus.PLACED, RequestStatus.MOVING}:
            request = await work.requests.move(request, RequestStatus.OPEN, is_on_top=True)
        await after_offer_ended(work, request, now, is_asked=bool(asked))
    elif all(one.has_room is not False for one in placed):
        await _place(work, request)
        await withdraw(work, asked, units, now)


async def _place(work: Work, request: Request) -> Request:
    if request.status is RequestStatus.PLACED:
        return request
    return await work.requests.move(request, RequestStatus.PLACED, unattended_at=None, is_on_top=False)


async def _give_up(work: Work, placed: Collection[Offer], units: Mapping[UUID, Unit], now: datetime) -> None:
    """Their request was closed after the last that placement told."""
    for one in placed:
        if ended := await end_hold(work, one, OfferStatus.RELEASED, now, reason=_CANCELLED):
            work.publish(PLACEMENTS, placement_released(ended, units[one.unit_id], _CANCELLED, now), key=str(one.case_id))
