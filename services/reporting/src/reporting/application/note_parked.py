"""An event of a unit or of its holds is parked: its figures are incomplete until a newer state takes its place."""

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.database.sql import Transaction
from reporting.application.ports import Contributions


@dataclass(frozen=True, slots=True)
class NoteParked:
    """Told by the delivery, in the transaction that parks or lifts."""

    contributions: Contributions
    topic: str

    async def __call__(self, tx: Transaction, units: Sequence[str], is_parked: bool) -> None:  # the chassis' form of it
        await self.contributions.mark_parked(tx, self.topic, units, is_parked=is_parked)
