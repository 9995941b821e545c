"""An accepted hold comes to its end, and before that somebody is warned."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import structlog

from placement.application.holds import settle
from placement.application.ports import Work
from placement.application.release import give_up
from placement.application.telemetry import PATIENTS_LATE
from placement.domain.states import PLACEMENTS_NOW, OfferStatus

log = structlog.get_logger(__name__)

EXPIRED = "EXPIRED"
"""Why such a placement is released."""


async def warn_of_ends(work: Work, placement_ids: Collection[UUID], now: datetime) -> None:
    """Show that these accepted holds are about to end, while the patient has not left."""
    found = await work.offers.find(placement_ids)
    requests = await work.requests.locked({offer.case_id for offer in found.values()})
    offers = await work.offers.locked(placement_ids)
    for offer in offers.values():
        if offer.status is OfferStatus.ACCEPTED and offer.warned_at is None:
            await work.offers.change(offer, warned_at=now)
            await work.requests.change(requests[offer.case_id])
            log.warning("accepted hold is about to end", offer_id=str(offer.offer_id))


async def end_holds(work: Work, placement_ids: Collection[UUID], now: datetime) -> None:
    """Release those whose patient never left; of a patient on the way only say that it takes long: nothing ends that by itself."""
    found = [offer for offer in (await work.offers.find(placement_ids)).values() if offer.status in PLACEMENTS_NOW]
    requests = await work.requests.locked({offer.case_id for offer in found})
    units = await work.units.locked({offer.unit_id for offer in found})
    offers = await work.offers.locked([offer.offer_id for offer in found])
    ended = set()
    for offer in offers.values():
        if offer.status is OfferStatus.ACCEPTED and offer.held_until is not None and offer.held_until <= now:
            await give_up(work, offer, requests[offer.case_id], units[offer.unit_id], why=EXPIRED, now=now)
            ended.add(offer.unit_id)
        elif offer.status is OfferStatus.UNDERWAY:
            await work.offers.change(offer, warned_at=now)
            await work.requests.change(requests[offer.case_id])
            PATIENTS_LATE.inc()
            log.error("patient on the way has not arrived in time", offer_id=str(offer.offer_id))
    await settle(work, ended, now)
