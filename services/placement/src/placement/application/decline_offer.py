"""A provider does not take a patient, and says why."""

from uuid import UUID

import structlog

from chassis.errors import FieldError, Rejected
from chassis.security.auth import Caller
from contracts.codes import DeclineReason
from contracts.placement import PLACEMENTS
from placement.application.answering import question
from placement.application.events import offer_declined, refusal_reported
from placement.application.holds import end_hold, settle
from placement.application.ports import Work
from placement.application.searching import after_offer_ended
from placement.application.telling import too_late
from placement.domain.answers import may_decline
from placement.domain.offer import Offer
from placement.domain.states import OfferStatus

log = structlog.get_logger(__name__)


async def decline_offer(work: Work, offer_id: UUID, token: str, reason: str, *, seen: str, who: Caller) -> Offer | Rejected:
    """Give the place back, and let the search go on when nobody else is being asked.

    A reason that is not valid there is refused: the offer stays open, and the refusal is reported. It is returned and not raised,
    because the report must be committed.

    Args:
        work: the transaction.
        offer_id: which offer.
        token: the one that came with it.
        reason: a code of `DeclineReason`, or one that we do not know.
        seen: the `If-Match` header.
        who: whose unit it is.

    Raises:
        Rejected: 404, 403; 409 with what happened when it is too late; 412 when another version was seen.
    """
    asked = await question(work, offer_id, token, seen, who)
    now, key = asked.now, str(asked.request.case_id)
    code = DeclineReason(reason)
    if not may_decline(code, asked.unit.care_type):
        work.publish(PLACEMENTS, refusal_reported(asked.offer, asked.unit, code.value, now), key=key)
        log.warning("refusal without a valid reason", offer_id=str(offer_id))
        return Rejected(
            "reason-not-valid",
            "This is no reason to decline here: the offer stays open, and the refusal was reported.",
            errors=[FieldError("/reason", "is not valid for this place")],
        )
    declined = await end_hold(work, asked.offer, OfferStatus.DECLINED, now, reason=reason)
    if declined is None:
        raise too_late(asked.offer)
    if code is DeclineReason.VOL:
        await work.units.set_full(declined.unit_id, now)
    work.publish(PLACEMENTS, offer_declined(declined, asked.unit, reason, now), key=key)
    await after_offer_ended(work, asked.request, now, is_asked=bool(asked.others))
    await settle(work, {declined.unit_id}, now)
    return declined
