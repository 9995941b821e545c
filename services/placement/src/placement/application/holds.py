"""What giving and taking places has in common: the counter moves with the hold, and everyone is told all that is held."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

import structlog

from contracts.placement import HOLDS, PLACEMENTS
from placement.application.events import holds_changed, offer_withdrawn
from placement.application.ports import Due, Value, Work
from placement.application.timers import UNIT_OVERCOMMITTED
from placement.domain.offer import Offer
from placement.domain.states import PLACEMENTS_NOW, OfferStatus
from placement.domain.unit import Unit
from placement.domain.webhook import Told

log = structlog.get_logger(__name__)

# What happens to an open offer without its provider: that must be told. Of its own answers it knows.
_TOLD_ENDS = frozenset({OfferStatus.EXPIRED, OfferStatus.WITHDRAWN})


async def end_hold(work: Work, offer: Offer, to: OfferStatus, now: datetime, **changes: Value) -> Offer | None:
    """End an offer and give its place back, both or neither; its unit is locked. None when it is no longer what we read."""
    ended = await work.offers.move(offer, to, ended_at=now, needs_confirmation=False, confirm_by=None, **changes)
    if ended is not None:
        await work.units.give_back(offer.unit_id, offer.offer_id)
        if to in _TOLD_ENDS:
            await work.webhooks.tell(offer.offer_id, Told.OFFER_ENDED)
    return ended


async def withdraw(work: Work, offers: Collection[Offer], units: Mapping[UUID, Unit], now: datetime) -> None:
    """End open offers that need no answer any more; they and their units are locked."""
    for offer in offers:
        if withdrawn := await end_hold(work, offer, OfferStatus.WITHDRAWN, now):
            work.publish(PLACEMENTS, offer_withdrawn(withdrawn, units[offer.unit_id], now), key=str(offer.case_id))


async def settle(work: Work, unit_ids: Collection[UUID], now: datetime) -> None:
    """Tell all that is held of these locked units, as the last thing that a transaction does with them.

    Where more is held than free from now on, somebody looks again after a while: figures and holds cross each other all day.
    """
    if not unit_ids:
        return
    units = await work.offers.settle(unit_ids, now)
    at = now + work.policy.overcommitted_for
    await work.timers.set(UNIT_OVERCOMMITTED, [Due(f"{unit.unit_id}/{now.timestamp():.6f}", at) for unit in units if unit.begins])
    for unit in units:
        for offer in unit.held if unit.begins is False else ():
            if offer.needs_confirmation and offer.status in PLACEMENTS_NOW:
                await work.offers.change(offer, needs_confirmation=False, confirm_by=None)
        event = holds_changed(unit.unit_id, unit.held, unit.absorbed, unit.full_since, now)
        work.publish(HOLDS, event, key=str(unit.unit_id))
