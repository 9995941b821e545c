"""What giving and taking places has in common: the counter moves with the hold, and everyone is told all that is held."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import structlog

from contracts.placement import HOLDS
from placement.application.events import holds_changed
from placement.application.ports import Due, Value, Work
from placement.application.timers import UNIT_OVERCOMMITTED
from placement.domain.offer import Offer
from placement.domain.states import HOLDING, PLACEMENTS_NOW, OfferStatus
from placement.domain.webhook import Told

log = structlog.get_logger(__name__)

# What happens to an open offer without its provider: that must be told. Of its own answers it knows.
_TOLD_ENDS = frozenset({OfferStatus.EXPIRED, OfferStatus.WITHDRAWN})


async def end_hold(work: Work, offer: Offer, to: OfferStatus, now: datetime, **changes: Value) -> Offer | None:
    """End an offer and give its place back, both or neither; its unit is locked. None when it is no longer what we read."""
    ended = await work.offers.move(offer, to, ended_at=now, needs_confirmation=False, **changes)
    if ended is not None:
        await work.units.give_back(offer.unit_id, offer.offer_id)
        if to in _TOLD_ENDS:
            await work.webhooks.tell(offer.offer_id, Told.OFFER_ENDED)
    return ended


async def settle(work: Work, unit_ids: Collection[UUID], now: datetime) -> None:
    """Tell all that is held of these locked units, as the last thing that a transaction does with them.

    Where more is held than free from now on, somebody looks again after a while: figures and holds cross each other all day.
    """
    if not unit_ids:
        return
    noted = await work.units.note_overcommitted(unit_ids, now)
    begin = [unit_id for unit_id, begins in noted.items() if begins]
    at = now + work.policy.overcommitted_for
    await work.timers.set(UNIT_OVERCOMMITTED, [Due(f"{unit_id}/{now.timestamp():.6f}", at) for unit_id in begin])
    if over := [unit_id for unit_id, begins in noted.items() if not begins]:
        for offer in await work.offers.at_units(over, PLACEMENTS_NOW):
            if offer.needs_confirmation:
                await work.offers.change(offer, needs_confirmation=False)

    units = await work.units.read(unit_ids)
    held = await work.offers.at_units(unit_ids, HOLDING)
    absorbed = await work.offers.absorbed_lately(unit_ids, now)
    for unit_id in sorted(units):
        event = holds_changed(
            unit_id,
            [offer for offer in held if offer.unit_id == unit_id],
            [offer for offer in absorbed if offer.unit_id == unit_id],
            units[unit_id].full_since,
            now,
        )
        work.publish(HOLDS, event, key=str(unit_id))
