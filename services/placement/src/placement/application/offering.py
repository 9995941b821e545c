"""A place is taken and offered."""

import secrets
from datetime import datetime
from uuid import uuid4

from contracts.placement import PLACEMENTS
from placement.application.events import offer_made
from placement.application.ports import Due, Work
from placement.application.timers import OFFER_EXPIRES
from placement.domain.offer import Offer
from placement.domain.request import Request
from placement.domain.states import OfferStatus
from placement.domain.unit import Unit
from placement.domain.webhook import Told


async def offer_place(work: Work, request: Request, unit: Unit, answer_by: datetime, *, now: datetime, made_by: str | None) -> Offer | None:
    """Take a place at a locked unit and offer it, by nobody when the search went on by itself; None when there is none to take."""
    offer = Offer(
        offer_id=uuid4(),
        case_id=request.case_id,
        round=request.round,
        unit_id=unit.unit_id,
        offered_unit_id=unit.unit_id,
        organisation=unit.organisation,
        status=OfferStatus.OFFERED,
        token=secrets.token_urlsafe(24),
        is_automatic=made_by is None,
        made_at=now,
        made_by=made_by,
        answer_by=answer_by,
        held_until=answer_by,
        accepted_at=None,
        left_at=None,
        admitted_at=None,
        ended_at=None,
        reason=None,
        warned_at=None,
        needs_confirmation=False,
        confirm_by=None,
        has_room=None,
        room_answered_at=None,
        absorbed_version=None,
        version=1,
    )
    if not await work.offers.grant(offer):
        return None
    await work.webhooks.tell(offer.offer_id, Told.OFFER_MADE)
    await work.timers.set(OFFER_EXPIRES, [Due(str(offer.offer_id), answer_by)])
    work.publish(PLACEMENTS, offer_made(offer, unit), key=str(request.case_id))
    return offer


def default_answer_by(work: Work, request: Request, now: datetime) -> datetime:
    """The answer deadline by urgency, and never after the time by which a place is needed while that still lies ahead."""
    by_urgency = now + work.policy.answer_within[request.urgency]
    return min(by_urgency, request.place_by) if request.place_by > now else by_urgency
