"""A unit is gone for good: nothing is given there any more; what is held stays until somebody ends it."""

from collections.abc import Mapping
from uuid import UUID

from placement.application.holds import settle
from placement.application.ports import Work


async def forget_units(work: Work, gone: Mapping[UUID, int]) -> None:
    """Make the figures of these units unknown, by the version that ended each."""
    units = await work.units.locked(gone)
    await work.units.make_unknown({unit_id: gone[unit_id] for unit_id in units})
    if units:
        await settle(work, units, await work.now())
