"""Places of a unit that placement holds for patients, as it last told us."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from capacity.domain.fold import Picture


@dataclass(frozen=True, slots=True)
class UnitHolds:
    """All that is held of one unit.

    What a later figure absorbed is not among them: placement takes it out after it has read the unit's version from us, so we are
    never behind that version, and the patient is in the figures that we show.
    """

    unit_id: UUID
    version: int = 0
    """Its version on `placement.holds.v1`; 0 when nothing was heard of it yet."""
    hold_ids: tuple[UUID, ...] = ()
    full_since: datetime | None = None
    changed_at: datetime | None = None
    """When placement changed it: while placement is silent, this is how old what we say is."""
    is_incomplete: bool = False
    """A newer state of it could not be read."""

    def beside(self, includes_holds: Collection[UUID]) -> int:
        """How many held places count beside the provider's figures: those that the figures do not contain yet."""
        return sum(hold_id not in includes_holds for hold_id in self.hold_ids)

    def available(self, shown: Picture) -> int | None:
        """How many places may still be given; None while it is not known how many are free."""
        return None if shown.free is None else max(0, shown.free - self.beside(shown.includes_holds))
