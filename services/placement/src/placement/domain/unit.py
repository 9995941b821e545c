"""A unit as placement knows it: what capacity last said of it, and what is held there."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from contracts.codes import CareType, Cohort, Sector


class Unit(NamedTuple):
    """A unit and its places.

    A named tuple, because a list of candidates is made of hundreds of them.
    """

    unit_id: UUID
    version: int
    """Of capacity's event."""
    location_id: UUID
    location_name: str
    name: str
    organisation: str
    sector: Sector
    care_type: CareType
    cohort: Cohort
    municipality: str | None
    vr: str
    roaz: str
    latitude: float | None
    longitude: float | None
    phone: str | None
    features: Mapping[str, bool | int | float | str]
    total: int | None
    open: int | None
    occupied: int | None
    reserved: int | None
    free: int | None
    """As capacity said it; 0 after a decline with VOL, until an observation later than that. Null is unknown, which is never free."""
    closed_reason: str | None
    conflict: bool
    observed_at: datetime | None
    fresh_until: datetime | None
    occupied_reported_at: datetime | None
    """The newest report that states `occupied` itself."""
    includes_holds: frozenset[UUID]
    """Held places that the figures already contain: these do not count beside them."""
    held: int
    """How many places count as held."""
    claimed: int
    """How many are claimed for others."""
    full_since: datetime | None
    """Declined with VOL then."""
    overcommitted_since: datetime | None
    """Since when more is held than is free."""
    is_parked: bool
    """What capacity said last cannot be read: what is known is not what it says, so nothing is given on it."""

    @property
    def is_closed(self) -> bool:
        """Nothing is open, and it says why."""
        return self.closed_reason is not None and self.open == 0

    @property
    def is_overcommitted(self) -> bool:
        """More is held than the last known figure has room for; of an unknown figure nothing can be said."""
        return self.free is not None and self.held > max(0, self.free)

    def is_fresh(self, now: datetime) -> bool:
        """Whether the figures may still be trusted."""
        return not self.is_parked and self.free is not None and self.fresh_until is not None and self.fresh_until > now

    def is_observed_since(self, at: datetime) -> bool:
        """Whether somebody at the bedside has looked after this instant; until then it is the same figure, in whatever version."""
        return any(seen is not None and seen > at for seen in (self.observed_at, self.occupied_reported_at))

    def available(self, now: datetime) -> int | None:
        """How many places can be given; None while unknown."""
        if self.free is None or not self.is_fresh(now):
            return None
        return 0 if self.is_closed else max(0, self.free - self.claimed - self.held)
