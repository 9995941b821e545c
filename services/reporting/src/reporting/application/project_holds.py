"""The holds of a unit changed: what is held of it lowers what is available at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.database.sql import Transaction
from chassis.messaging.reading import Received
from contracts.placement import HoldsChangedV1
from reporting.application.ports import Contributions, Holding


@dataclass(frozen=True, slots=True)
class ProjectHolds:
    """Handles `HoldsChangedV1`, in the transaction of its batch."""

    contributions: Contributions

    async def __call__(self, tx: Transaction, received: Sequence[Received[HoldsChangedV1]]) -> None:
        # Each event carries all that is held of its unit, so the last one says all.
        latest = {item.event.unit_id: item for item in received}
        since = min(item.recorded_at for item in received)
        await self.contributions.hold(tx, [_holding(latest[unit_id]) for unit_id in sorted(latest)], since)


def _holding(item: Received[HoldsChangedV1]) -> Holding:
    return Holding(
        unit_id=item.event.unit_id,
        version=item.version,
        holds=tuple(held.hold_id for held in item.event.holds),
        absorbed_by=tuple(absorbed.unit_version for absorbed in item.event.absorbed),
    )
