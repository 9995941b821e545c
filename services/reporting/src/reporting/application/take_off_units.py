"""A unit is gone for good: what it contributed comes off."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from chassis.database.sql import Transaction
from chassis.messaging.reading import Received
from contracts.event import Ended
from reporting.application.ports import Contributions


@dataclass(frozen=True, slots=True)
class TakeOffUnits:
    """Handles `Ended` on the topic of units, in the transaction of its batch."""

    contributions: Contributions

    async def __call__(self, tx: Transaction, received: Sequence[Received[Ended]]) -> None:
        await self.contributions.take_off(tx, sorted({UUID(item.event.key) for item in received}))
