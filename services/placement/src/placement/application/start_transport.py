"""The patient is on the way."""

from datetime import datetime
from uuid import UUID

from chassis.security.auth import Caller
from contracts.placement import PLACEMENTS
from placement.application.events import transport_left
from placement.application.holds import settle, withdraw
from placement.application.journey import happened_at, placement
from placement.application.ports import Work
from placement.domain.offer import Offer
from placement.domain.states import OfferStatus, RequestStatus


async def start_transport(work: Work, placement_id: UUID, left_at: datetime | None, seen: str, who: Caller) -> Offer:
    """From now on the hold no longer ends by itself, and no second place is sought.

    Args:
        work: the transaction.
        placement_id: which placement.
        left_at: when transport left; now when not given.
        seen: the `If-Match` header.
        who: its provider, or who coordinates the request.

    Raises:
        Rejected: 404, 403; 409 when it stands elsewhere; 412 when another version was seen; 422 for a time that lies ahead.
    """
    found = await placement(work, placement_id, OfferStatus.UNDERWAY, seen=seen, who=who)
    at = happened_at(work, left_at, found.now, "/left_at")
    # The timer of its end stays: it then says that the patient is late.
    underway = await work.offers.move(found.offer, OfferStatus.UNDERWAY, left_at=at, held_until=None)
    assert underway is not None
    if found.request.status is RequestStatus.MOVING:
        await work.requests.move(found.request, RequestStatus.PLACED, unattended_at=None, is_on_top=False)
        await withdraw(work, found.others, found.units, found.now)
    else:
        await work.requests.change(found.request)
    work.publish(PLACEMENTS, transport_left(underway, found.units[underway.unit_id], at), key=str(underway.case_id))
    await settle(work, {underway.unit_id, *(other.unit_id for other in found.others)}, found.now)
    return underway
