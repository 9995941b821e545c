"""A provider takes a patient: the first one wins."""

from datetime import datetime
from typing import Final
from uuid import UUID

from chassis.security.auth import Caller
from contracts.placement import PLACEMENTS
from placement.application.answering import Question, question
from placement.application.events import offer_accepted, placement_released
from placement.application.holds import end_hold, settle, withdraw
from placement.application.ports import Due, Work
from placement.application.telling import too_late
from placement.application.timers import HOLD_ENDS, HOLD_WARNING
from placement.domain.offer import Offer
from placement.domain.request import Request
from placement.domain.states import OfferStatus, RequestStatus
from placement.domain.webhook import Told

MOVED: Final = "MOVED"
"""Why such a placement is released: the patient goes to another place."""


async def accept_offer(work: Work, offer_id: UUID, token: str, seen: str, who: Caller) -> Offer:
    """Turn an offer into a placement, withdraw the others of its request, and give up the place that had no room.

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
    # Before the other is accepted: a patient has one place at a time, for whoever reads along as well.
    moves = asked.request.moves
    if asked.kept is not None:
        await _give_up(work, asked, asked.kept)
        moves += 1
    accepted = await work.offers.move(asked.offer, OfferStatus.ACCEPTED, accepted_at=now, held_until=held_until)
    if accepted is None:
        # It was open when we looked; the deadline passed between the two looks at the clock.
        raise too_late(asked.offer)
    await work.requests.move(asked.request, RequestStatus.PLACED, unattended_at=None, is_on_top=False, moves=moves)
    work.publish(PLACEMENTS, offer_accepted(accepted, asked.unit, asked.request), key=key)
    await withdraw(work, asked.others, asked.units, now)
    await work.timers.set(HOLD_ENDS, [Due(str(offer_id), held_until)])
    await work.timers.set(HOLD_WARNING, [Due(str(offer_id), held_until - work.policy.warned_before_end)])
    ended = (*asked.others, asked.kept) if asked.kept is not None else asked.others
    await settle(work, {accepted.unit_id, *(offer.unit_id for offer in ended)}, now)
    return accepted


async def _give_up(work: Work, asked: Question, kept: Offer) -> None:
    """End the first placement."""
    released = await end_hold(work, kept, OfferStatus.RELEASED, asked.now, reason=MOVED)
    assert released is not None
    work.publish(PLACEMENTS, placement_released(released, asked.units[kept.unit_id], MOVED, asked.now), key=str(kept.case_id))
    # This is not its own doing, as other releases are, so it must be told.
    await work.webhooks.tell(kept.offer_id, Told.OFFER_ENDED)


def _held_until(work: Work, request: Request, now: datetime) -> datetime:
    # Whoever is placed too late still needs the time to get there.
    return max(request.place_by, now) + work.policy.held_after_place_by
