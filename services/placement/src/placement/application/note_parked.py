"""What capacity said last of a unit cannot be read: nothing is given there until it is."""

from collections.abc import Collection
from uuid import UUID

from placement.application.ports import Work


async def note_parked(work: Work, unit_ids: Collection[UUID], *, is_parked: bool) -> None:
    """Mark these units as ones of which the newest state is parked, or take the mark off; what is held there stays."""
    await work.units.note_parked(list(await work.units.locked(unit_ids)), is_parked=is_parked)
