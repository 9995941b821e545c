"""Show what the facts come to: fold, store and publish locked units."""

from collections.abc import Collection
from datetime import datetime

from capacity.application.events import unit_changed
from capacity.application.ports import Work
from capacity.domain.unit import Unit
from contracts.capacity import UNITS


async def show_units(work: Work, units: Collection[Unit], now: datetime, *, only_changed: bool = False) -> list[Unit]:
    """Look at these units anew and publish each once; gives those that were published, as they now are.

    With `only_changed`, those of which nothing that is shown differs are left as they are.
    """
    if not units:
        return []
    net_flows = await work.units.net_flows([unit for unit in units if unit.has_flows])
    looked_at = [(unit, unit.seen(net_flows.get(unit.registration.unit_id, {}), work.ages, now)) for unit in units]
    seen = [after for before, after in looked_at if not (only_changed and after.shown.says_the_same_as(before.shown))]
    await work.units.write(seen)
    for unit in seen:
        work.publish(UNITS, unit_changed(unit, work.ages), key=str(unit.registration.unit_id))
    return seen
