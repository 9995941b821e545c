"""No answer in time: the place is free again, and the next candidate is asked."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from contracts.placement import PLACEMENTS
from placement.application.events import offer_expired
from placement.application.holds import end_hold, settle
from placement.application.ports import Work
from placement.application.searching import after_offers_ended
from placement.domain.states import OfferStatus


async def expire_offers(work: Work, offer_ids: Collection[UUID], now: datetime) -> None:
    """End those of these offers that are still open and past their deadline; others were answered and need nothing.

    Args:
        work: the transaction.
        offer_ids: whose timers went off.
        now: the database's clock.
    """
    found = [offer for offer in (await work.offers.find(offer_ids)).values() if offer.is_open]
    requests = await work.requests.locked({offer.case_id for offer in found})
    units = await work.units.locked({offer.unit_id for offer in found})
    offers = await work.offers.locked([offer.offer_id for offer in found])
    expired = []
    for offer in offers.values():
        if offer.is_open and (ended := await end_hold(work, offer, OfferStatus.EXPIRED, now)):
            work.publish(PLACEMENTS, offer_expired(ended, units[ended.unit_id], now), key=str(ended.case_id))
            expired.append(ended)
    await after_offers_ended(work, [requests[case_id] for case_id in sorted({offer.case_id for offer in expired})], now)
    await settle(work, {offer.unit_id for offer in expired}, now)
