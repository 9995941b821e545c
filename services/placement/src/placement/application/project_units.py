"""Keep what capacity says of its units, and what that does to the places held there."""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.capacity import UnitChangedV1
from placement.application.absorb import absorb
from placement.application.holds import settle
from placement.application.ports import Due, Work
from placement.application.timers import ROOM_JUDGED
from placement.domain.room import judged
from placement.domain.states import PLACEMENTS_NOW, OfferStatus


@dataclass(frozen=True, slots=True)
class Told:
    """What capacity said of a unit, and the version of it."""

    event: UnitChangedV1
    version: int


async def project_units(work: Work, told: Sequence[Told]) -> None:
    """Store the newest of each unit; end the holds of admitted patients that it contains, and tell what is held where that changed.

    Args:
        work: the transaction.
        told: in order.
    """
    newest = {one.event.unit_id: one for one in told}
    before = await work.units.locked(newest)
    projected = await work.units.project([(one.event, one.version) for one in newest.values()])
    if not before:
        return
    now = await work.now()
    after = {unit_id: projected.get(unit_id, unit) for unit_id, unit in before.items()}
    placed = await work.offers.at_units(after, {OfferStatus.ADMITTED, *PLACEMENTS_NOW})
    absorbed = await absorb(work, after.values(), placed, now)
    # Their requests are locked before units, so it is a timer that takes it from here.
    in_question = [offer for offer in placed if offer.unit_id in projected and judged(offer, after[offer.unit_id], now)]
    await work.timers.set(ROOM_JUDGED, [Due(f"{offer.offer_id}/{now.timestamp():.6f}", now) for offer in in_question])
    renamed = [unit_id for unit_id, unit in after.items() if unit.includes_holds != before[unit_id].includes_holds]
    if renamed:
        await work.units.recount(renamed)
    # Others are only looked at for what is over-committed by the new figures, or no longer is.
    changed = {
        *(offer.unit_id for offer in absorbed.values()),
        *(unit_id for unit_id, unit in after.items() if unit.full_since != before[unit_id].full_since),
        *(unit_id for unit_id, unit in after.items() if unit.is_overcommitted != (unit.overcommitted_since is not None)),
        *renamed,
    }
    await settle(work, changed, now)
