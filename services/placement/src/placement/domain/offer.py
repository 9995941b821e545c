"""An offer, its hold and its placement: one place for one patient, from the question to the bed."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from placement.domain.states import HOLDING, OfferStatus


@dataclass(frozen=True, slots=True)
class Offer:
    """A place held at a unit, offered to its provider, and what became of it."""

    offer_id: UUID
    case_id: UUID
    round: int
    unit_id: UUID
    """Where the place is held; after admission the unit really used."""
    offered_unit_id: UUID
    """Which unit was asked."""
    organisation: str
    """Whose unit it is."""
    status: OfferStatus
    token: str
    """Given to the offered provider and the coordinator only: whoever answers must have seen this very offer."""
    is_automatic: bool
    made_at: datetime
    made_by: str | None
    """The subject of the token; null when nobody acted in time."""
    answer_by: datetime
    held_until: datetime | None
    """When the hold ends: the answer deadline, after acceptance its own; null once nothing ends it but a person or a report."""
    accepted_at: datetime | None
    left_at: datetime | None
    admitted_at: datetime | None
    """When it was true at the bedside."""
    ended_at: datetime | None
    reason: str | None
    """Why it was declined or released: a code that describes, as it was sent."""
    warned_at: datetime | None
    """When the coordinator was warned that the hold is about to end, or that a patient on the way has not arrived."""
    needs_confirmation: bool
    """The unit's figures leave no room for all it holds: the provider is asked whether they contain this patient."""
    confirm_by: datetime | None
    """Until when it may answer that; no answer counts as no room. Null when it is not asked."""
    has_room: bool | None
    """What it answered last, or what stands for its answer; null when nothing was said but the figure."""
    room_answered_at: datetime | None
    absorbed_version: int | None
    """The version of the unit whose figures contain the patient."""
    version: int
    """Raised by every change; the ETag."""

    @property
    def is_open(self) -> bool:
        """Whether it waits for an answer, which may come too late."""
        return self.status is OfferStatus.OFFERED

    @property
    def is_holding(self) -> bool:
        """Whether it holds a place."""
        return self.status in HOLDING
