"""Keep what placement holds of units, and correct those that declined because they were full."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from uuid import UUID

from capacity.application.ports import Work
from capacity.application.show_units import show_units
from capacity.domain.holds import UnitHolds


async def keep_holds(work: Work, told: Sequence[UnitHolds]) -> None:
    """Keep the last of what was told of each unit, in its order, also of units that we do not know.

    That places are held does not change what is published of a unit: placement, who holds them, would hear its own echo.
    """
    last = {state.unit_id: state for state in told}
    now, units = await work.units.locked(last)
    await work.holds.write(list(last.values()))
    corrected = [
        replace(unit, full_since=last[unit_id].full_since) for unit_id, unit in units.items() if unit.full_since != last[unit_id].full_since
    ]
    await show_units(work, corrected, now, only_changed=True)


async def note_parked_holds(work: Work, unit_ids: Collection[UUID], *, is_parked: bool) -> None:
    """A state that could not be read makes what is held incomplete, until a newer one can."""
    await work.units.locked(unit_ids)
    await work.holds.mark(unit_ids, is_incomplete=is_parked)
