"""What a form says about a location or unit: only what was stated, since a field left out keeps its value."""

from typing import TypedDict
from uuid import UUID

from capacity.domain.registry import Features
from contracts.codes import CareType, Cohort, Sector


class LocationForm(TypedDict, total=False):
    """A location, or what changes about it."""

    name: str
    organisation: str | None
    sector: Sector
    municipality: str | None
    vr: str | None
    latitude: float | None
    longitude: float | None
    phone: str | None
    external_id: str | None


class UnitForm(TypedDict, total=False):
    """A unit, or what changes about it."""

    location_id: UUID
    location_external_id: str
    organisation: str | None
    name: str
    care_type: CareType
    cohort: Cohort
    features: Features
    external_id: str | None
