"""A placement is given up before the patient was there: the search begins again."""

from datetime import datetime
from uuid import UUID

from chassis.security.auth import Caller
from contracts.placement import PLACEMENTS
from placement.application.events import placement_released, request_opened
from placement.application.holds import end_hold, settle
from placement.application.journey import placement
from placement.application.ports import Work
from placement.application.searching import wake_at
from placement.domain.offer import Offer
from placement.domain.request import Request
from placement.domain.states import OfferStatus, RequestStatus
from placement.domain.unit import Unit


async def release(work: Work, placement_id: UUID, reason: str, seen: str, who: Caller) -> Offer:
    """Give the place back and put the request on top of the queue.

    Args:
        work: the transaction.
        placement_id: which placement.
        reason: a code that describes.
        seen: the `If-Match` header.
        who: its provider, or who coordinates the request.

    Raises:
        Rejected: 404, 403; 409 when it stands elsewhere; 412 when another version was seen.
    """
    found = await placement(work, placement_id, OfferStatus.RELEASED, seen=seen, who=who)
    released = await give_up(work, found.offer, found.request, found.units[found.offer.unit_id], why=reason, now=found.now)
    await settle(work, [found.offer.unit_id], found.now)
    return released


async def give_up(work: Work, offer: Offer, request: Request, unit: Unit, *, why: str, now: datetime) -> Offer:
    """End a locked placement; its request is open again, from its own region on, and first in the queue."""
    released = await end_hold(work, offer, OfferStatus.RELEASED, now, reason=why)
    assert released is not None
    # Where a second place was sought already, somebody may still have to answer that.
    is_asked = request.status is RequestStatus.MOVING and await work.offers.of_requests([request.case_id], {OfferStatus.OFFERED})
    at = None if is_asked else now + work.policy.unattended_after[request.urgency]
    reopened = await work.requests.move(request, RequestStatus.OPEN, is_on_top=True, region_index=0, asked_in_region=0, unattended_at=at)
    if at is not None:
        await wake_at(work, reopened, at)
    key = str(request.case_id)
    work.publish(PLACEMENTS, placement_released(released, unit, why, now), key=key)
    work.publish(PLACEMENTS, request_opened(reopened), key=key)
    return released
