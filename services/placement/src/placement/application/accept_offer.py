"""A provider takes a patient: the first one wins."""

from datetime import datetime
from uuid import UUID

from chassis.auth import Caller
from contracts.placement import PLACEMENTS
from placement.application.answering import question
from placement.application.events import offer_accepted, offer_withdrawn
from placement.application.holds import end_hold, settle
from placement.application.ports import Due, Work
from placement.application.telling import too_late
from placement.application.timers import HOLD_ENDS, HOLD_WARNING
from placement.domain.offer import Offer
from placement.domain.request import Request
from placement.domain.states import OfferStatus, RequestStatus


async def accept_offer(work: Work, offer_id: UUID, token: str, seen: str, who: Caller) -> Offer:
    """Turn an offer into a placement, and withdraw the others of its request.

    Args:
        work: the transaction.
        offer_id: which offer.
        token: the one that came with it.
        seen: the `If-Match` header.
        who: whose unit it is.

    Raises:
        Rejected: 404, 403; 409 with what happened when it is too late; 412 when another version was seen.
    """
    asked = await question(work, offer_id, token, seen, who)
    now, key = asked.now, str(asked.request.case_id)
    held_until = _held_until(work, asked.request, now)
    accepted = await work.offers.move(asked.offer, OfferStatus.ACCEPTED, accepted_at=now, held_until=held_until)
    if accepted is None:
        # It was open when we looked; the deadline passed between the two looks at the clock.
        raise too_late(asked.offer)
    await work.requests.move(asked.request, RequestStatus.PLACED, unattended_at=None, is_on_top=False)
    work.publish(PLACEMENTS, offer_accepted(accepted, asked.unit, asked.request), key=key)
    for other in asked.others:
        if withdrawn := await end_hold(work, other, OfferStatus.WITHDRAWN, now):
            work.publish(PLACEMENTS, offer_withdrawn(withdrawn, asked.units[other.unit_id], now), key=key)
    await work.timers.set(HOLD_ENDS, [Due(str(offer_id), held_until)])
    await work.timers.set(HOLD_WARNING, [Due(str(offer_id), held_until - work.policy.warned_before_end)])
    await settle(work, {accepted.unit_id, *(other.unit_id for other in asked.others)}, now)
    return accepted


def _held_until(work: Work, request: Request, now: datetime) -> datetime:
    # Whoever is placed too late still needs the time to get there.
    return max(request.place_by, now) + work.policy.held_after_place_by
