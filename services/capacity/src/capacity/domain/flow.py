"""A flow: patients who came, moved, could leave or left."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from capacity.domain import times
from contracts.codes import CareType, Cohort, Destination, FlowKind, Source

# A transfer names the unit that it goes into. The unit that the patient left says so with its next snapshot, or with a flow of its own.
_EFFECT: Mapping[FlowKind, int] = {FlowKind.OPNAME: 1, FlowKind.OVERPLAATSING: 1, FlowKind.ONTSLAG: -1}

_DESTINATIONS = {destination.value: destination for destination in Destination}


@dataclass(frozen=True, slots=True)
class Flow:
    """One revision of a flow; its time is judged by `received`."""

    flow_id: UUID
    revision: int
    is_retracted: bool
    source: Source
    location_id: UUID
    unit_id: UUID | None
    kind: FlowKind
    care_type: CareType
    cohort: Cohort
    occurred_at: datetime
    destination_sent: str | None
    count: int

    @property
    def destination(self) -> Destination | None:
        """The code list's word; what it does not know is `ONBEKEND`."""
        if self.destination_sent is None:
            return None
        return _DESTINATIONS.get(self.destination_sent, Destination.ONBEKEND)

    @property
    def occupancy_change(self) -> int:
        """How many more places of its unit are occupied by this flow; what was taken back changes nothing."""
        return 0 if self.is_retracted or self.unit_id is None else _EFFECT.get(self.kind, 0) * self.count

    def received(self, at: datetime) -> "Flow":
        """The fact that this becomes when received then.

        Raises:
            RuleBroken: its time cannot be.
        """
        return replace(self, occurred_at=times.judged(self.occurred_at, at, self.source, pointer="/occurred_at"))

    def digest(self) -> bytes:
        """Tells whether the same revision was sent with another content; taken before its time is judged."""
        content = (
            self.is_retracted,
            self.source.value,
            self.location_id.int,
            self.unit_id.int if self.unit_id else None,
            self.kind.value,
            self.care_type.value,
            self.cohort.value,
            self.occurred_at.timestamp(),
            self.destination_sent,
            self.count,
        )
        return hashlib.blake2b(repr(content).encode(), digest_size=16).digest()
