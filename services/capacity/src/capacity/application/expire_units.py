"""A figure past its age limit becomes unknown by itself."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from capacity.application.ports import Work
from capacity.application.show_units import show_units

UNIT_EXPIRES = "unit-expires"
"""The kind of timer; its subject is the unit's id."""


async def expire_units(work: Work, unit_ids: Sequence[UUID], due_at: datetime) -> None:
    """Look at the units whose timer went off, by the database's clock; one that was reported on meanwhile only gets its next timer.

    Args:
        work: the transaction that took the timers off.
        unit_ids: whose they were.
        due_at: the clock by which they were due.
    """
    now, units = await work.units.locked(unit_ids)
    # The units were locked after the timers were taken; by then the clock can only have gone on.
    now = max(now, due_at)
    fired = [replace(unit, timer_at=None) for unit in units.values()]
    expired = [unit for unit in fired if unit.shown.fresh_until is not None and unit.shown.fresh_until <= now]
    await show_units(work, expired, now)
    await work.units.write([unit for unit in fired if unit not in expired])
