"""End requests, with all that is held for them."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from contracts.placement import PLACEMENTS, RequestEnd
from placement.application.accept_offer import MOVED
from placement.application.events import offer_withdrawn, placement_released, request_closed
from placement.application.holds import end_hold, settle
from placement.application.ports import Work
from placement.domain.offer import Offer
from placement.domain.request import Request
from placement.domain.states import PLACEMENTS_NOW, OfferStatus, RequestStatus
from placement.domain.unit import Unit


async def end_requests(work: Work, requests: Collection[Request], how: Mapping[UUID, RequestEnd], now: datetime) -> list[Request]:
    """Close these locked requests: open offers are withdrawn, placements released, in the same transaction.

    Args:
        work: the transaction.
        requests: those to close, none of which is closed.
        how: by case, how it ends.
        now: the database's clock.

    Returns:
        The requests as they are now, in the order given.
    """
    if not requests:
        return []
    holding = await work.offers.of_requests([request.case_id for request in requests], {OfferStatus.OFFERED, *PLACEMENTS_NOW})
    units = await work.units.locked({offer.unit_id for offer in holding})
    offers = await work.offers.locked([offer.offer_id for offer in holding])
    for offer in offers.values():
        await _end(work, offer, units[offer.unit_id], how[offer.case_id], now)
    closed = []
    for request in requests:
        end = how[request.case_id]
        closed.append(
            await work.requests.move(request, RequestStatus.CLOSED, ended=end.value, ended_at=now, unattended_at=None, is_on_top=False)
        )
        work.publish(PLACEMENTS, request_closed(request, end, now), key=str(request.case_id))
    await settle(work, units, now)
    return closed


async def _end(work: Work, offer: Offer, unit: Unit, how: RequestEnd, now: datetime) -> None:
    key = str(offer.case_id)
    if offer.status is OfferStatus.OFFERED:
        if ended := await end_hold(work, offer, OfferStatus.WITHDRAWN, now):
            work.publish(PLACEMENTS, offer_withdrawn(ended, unit, now), key=key)
    elif ended := await end_hold(work, offer, OfferStatus.RELEASED, now, reason=_WHY[how]):
        work.publish(PLACEMENTS, placement_released(ended, unit, _WHY[how], now), key=key)


_WHY = {
    RequestEnd.CANCELLED: "CANCELLED",
    RequestEnd.DECEASED: "CANCELLED",
    RequestEnd.HANDED_OVER_112: "CANCELLED",
    # The case asks for another place: this one is not waited for any more.
    RequestEnd.REPLACED: MOVED,
}
