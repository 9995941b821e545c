"""An admitted patient is contained in the unit's own figures: the hold beside them ends."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from placement.application.holds import end_hold
from placement.application.ports import Work
from placement.domain.absorption import contains
from placement.domain.offer import Offer
from placement.domain.states import OfferStatus
from placement.domain.unit import Unit


async def absorb(work: Work, units: Collection[Unit], placed: Collection[Offer], now: datetime) -> Mapping[UUID, Offer]:
    """End the holds of admitted patients that the figures of these locked units contain; the counter goes with them.

    Args:
        work: the transaction.
        units: whose figures are looked at.
        placed: the placements that are held there.
        now: the database's clock.
    """
    by_id = {unit.unit_id: unit for unit in units}
    absorbed = {}
    for offer in placed:
        unit = by_id[offer.unit_id]
        if contains(unit, offer, work.policy.clock_tolerance):
            ended = await end_hold(work, offer, OfferStatus.ABSORBED, now, absorbed_version=unit.version)
            assert ended is not None
            absorbed[ended.offer_id] = ended
    return absorbed
