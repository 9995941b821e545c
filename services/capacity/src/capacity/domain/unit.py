"""A unit: what the register says about it, what its sources said, and what is shown of that."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from capacity.domain.age_limits import AgeLimits
from capacity.domain.fold import NOTHING_KNOWN, Folded, Picture, picture
from capacity.domain.registry import Location, Registration
from contracts.codes import Source


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as it stands."""

    registration: Registration
    location: Location
    version: int
    """Raised whenever it is published; what an `If-Match` names."""
    folded: Folded
    has_flows: bool
    timer_at: datetime | None
    """When its timer goes off to look whether a figure has become too old."""
    shown: Picture
    recorded_at: datetime
    full_since: datetime | None = None
    """When it declined a patient because it was full, as placement says."""

    def age_limit(self, ages: AgeLimits) -> timedelta:
        return ages.of(self.registration.care_type, self.location.sector)

    def seen(self, net_flows: Mapping[Source, int], ages: AgeLimits, now: datetime) -> "Unit":
        """The unit as it is shown at `now`, in its next version."""
        shown = picture(self.folded, net_flows, self.age_limit(ages), now, self.full_since)
        return replace(self, shown=shown, version=self.version + 1, recorded_at=now)

    def shown_at(self, now: datetime) -> Picture:
        """What may be shown now of what was folded earlier: nothing, once it is too old; the worker then folds anew."""
        return self.shown if self.shown.fresh_until is None or self.shown.fresh_until > now else NOTHING_KNOWN
