"""A unit changed: what it contributed comes off, what it contributes now goes on."""

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.database.sql import Transaction
from chassis.messaging.reading import Received
from contracts.capacity import UnitChangedV1
from reporting.application.ports import Contribution, Contributions
from reporting.domain.figure import cell_of


@dataclass(frozen=True, slots=True)
class ProjectUnits:
    """Handles `UnitChangedV1`, in the transaction of its batch."""

    contributions: Contributions

    async def __call__(self, tx: Transaction, received: Sequence[Received[UnitChangedV1]]) -> None:
        # The events carry the whole state, so the last of each unit says all; those before it never reach the figures.
        latest = {item.event.unit_id: item for item in received}
        since = min(item.recorded_at for item in received)
        await self.contributions.put(tx, [_contribution(latest[unit_id]) for unit_id in sorted(latest)], since)


def _contribution(item: Received[UnitChangedV1]) -> Contribution:
    unit = item.event
    cell = cell_of(roaz=unit.roaz, vr=unit.vr, sector=unit.sector, care_type=unit.care_type, cohort=unit.cohort)
    return Contribution(
        unit_id=unit.unit_id,
        version=item.version,
        partition=item.partition,
        location_id=unit.location_id,
        sector=unit.sector,
        care_type=unit.care_type,
        cohort=unit.cohort,
        in_country=cell.country,
        in_roaz=cell.roaz,
        in_vr=cell.vr,
        includes_holds=unit.includes_holds,
        total=unit.total,
        open=unit.open,
        occupied=unit.occupied,
        reserved=unit.reserved,
        free=unit.free,
        observed_at=unit.observed_at,
        fresh_until=unit.fresh_until,
    )
