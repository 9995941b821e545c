"""A request: a case that needs a place, and how far the search for it has come."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from contracts.codes import CareType, Cohort, Origin, Urgency
from contracts.placement import RequestEnd
from placement.domain.states import SEEKING, RequestStatus

MOST_MOVES: Final = 3
"""Who went to another place so often for want of room is not sent on by itself any more: a coordinator decides."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request in its current round."""

    case_id: UUID
    round: int
    status: RequestStatus
    urgency: Urgency
    is_assessed: bool
    care_type: CareType
    cohort: Cohort
    place_by: datetime
    region: str
    """The VR in whose region a place is wanted."""
    roaz: str
    """The ROAZ region, `ONBEKEND` where only a VR that straddles several is known."""
    municipality: str | None
    origin: Origin | None
    organisation: str | None
    """Who asks."""
    needs: Mapping[str, bool | int | float | str]
    target_group: int | None
    requested_at: datetime
    opened_at: datetime
    """When placement took up this round."""
    regions: tuple[str, ...]
    """The ROAZ regions to look in, in this order: its own first."""
    region_index: int
    """Which of them is looked in now; their number once LCPS looks."""
    asked_in_region: int
    """How many were asked there by the automatic search."""
    unattended_at: datetime | None
    """When the automatic search goes on by itself; null while an offer is open, and when it has come to its end."""
    is_on_top: bool
    """It had a place and lost it, or is losing it: it goes before all others of its urgency."""
    moves: int
    """How often the accepted place had no room after all, so that another was found."""
    ended: RequestEnd | None
    ended_at: datetime | None
    version: int
    """Raised by every change, also of its offers; the ETag."""
    asked_units: frozenset[UUID] = frozenset()
    """The units that were offered it in this round, whatever became of it."""

    @property
    def is_seeking(self) -> bool:
        """Whether it may be offered somewhere."""
        return self.status in SEEKING

    @property
    def is_searched(self) -> bool:
        """Whether the automatic search goes on for it; else, while it seeks a place, a person looks."""
        if self.status is RequestStatus.MOVING:
            return not self.is_escalated and self.moves < MOST_MOVES
        return self.status is RequestStatus.OPEN

    @property
    def is_escalated(self) -> bool:
        """Whether no region had a place, so that LCPS looks."""
        return self.region_index >= len(self.regions)

    @property
    def looked_in(self) -> tuple[str, ...]:
        """The ROAZ regions in which a place is sought by now."""
        return self.regions[: self.region_index + 1]

    @property
    def current_region(self) -> str:
        """The ROAZ region of which the automatic search asks the units now."""
        return self.regions[self.region_index]
