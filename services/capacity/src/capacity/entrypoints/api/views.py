"""What is answered."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from capacity.adapters.sql.queries import SeenUnit
from capacity.application.take_reports import Taken
from capacity.domain.age_limits import AgeLimits
from capacity.domain.days import local_day
from capacity.domain.holds import UnitHolds
from capacity.domain.registry import Location
from capacity.domain.unit import Unit
from contracts.codes import CareType, ClosedReason, Cohort, Sector, Source


class WarningView(BaseModel):
    """Something to look at; it never blocks."""

    code: str
    field: str
    message: str


class TakenView(BaseModel):
    """What became of a report."""

    report_id: UUID
    duplicate: bool
    is_current: bool
    warnings: list[WarningView]


class FlowTakenView(BaseModel):
    """What became of a flow."""

    flow_id: UUID
    duplicate: bool


class LocationIdView(BaseModel):
    """Which location it is."""

    location_id: UUID


class UnitIdView(BaseModel):
    """Which unit it is."""

    unit_id: UUID


class LocationView(BaseModel):
    """A location."""

    location_id: UUID
    version: int
    name: str
    organisation: str
    sector: Sector
    municipality: str | None
    vr: str
    roaz: str
    latitude: float | None
    longitude: float | None
    phone: str | None
    external_id: str | None


class UnitView(BaseModel):
    """A unit with its current figures; every figure is null while unknown, which is neither 0 nor free."""

    unit_id: UUID
    version: int
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
    features: dict[str, bool | float]
    external_id: str | None
    total: int | None
    open: int | None
    occupied: int | None
    reserved: int | None
    closed: int | None
    closed_reason: ClosedReason | None
    closed_reason_sent: str | None
    free: int | None = Field(description="By the figures; places held through placement are not taken off.")
    held: int = Field(description="Places held through placement that the figures do not contain yet, as placement last told.")
    available: int | None = Field(description="max(0, free - held); null while free is unknown.")
    holds_version: int = Field(description="Rises with each change of what is held; 0 before the first.")
    holds_changed_at: datetime | None = Field(
        description="When placement changed what is held: its age while placement is silent; null when it never did."
    )
    holds_incomplete: bool = Field(description="A newer state of what is held could not be read.")
    observed_at: datetime | None
    fresh_until: datetime | None
    age_limit_seconds: int
    source: Source | None
    conflict: bool
    warnings: list[str]
    recorded_at: datetime


class BoardUnitView(UnitView):
    """A unit on the board."""

    id: UUID = Field(description="The unit's, by which the stream names what it sends.")


class BoardView(BaseModel):
    """The picture whole; a figure is unknown from its `fresh_until` on."""

    items: list[BoardUnitView]


class ObservationView(BaseModel):
    """What was said about a unit; figures that are not in `stated` were left out."""

    report_id: UUID
    revision: int
    retracted: bool
    kind: str
    source: Source
    observed_at: datetime
    recorded_at: datetime
    stated: list[str]
    total: int | None
    open: int | None
    occupied: int | None
    reserved: int | None
    closed_reason: ClosedReason | None
    closed_reason_sent: str | None


class LocationsView(BaseModel):
    """A page; `Link: rel="next"` leads to the next."""

    items: list[LocationView]


class UnitsView(BaseModel):
    """A page; `Link: rel="next"` leads to the next."""

    items: list[UnitView]


class HistoryView(BaseModel):
    """A page, newest first; `Link: rel="next"` leads to the next."""

    items: list[ObservationView]


def taken_view(taken: Taken) -> dict[str, Any]:
    """A report's answer, before JSON."""
    return {
        "report_id": taken.report_id,
        "duplicate": taken.duplicate,
        "is_current": taken.is_current,
        "warnings": [{"code": warning.code, "field": warning.field, "message": warning.message} for warning in taken.warnings],
    }


def location_view(location: Location, now: datetime) -> dict[str, Any]:
    """A location with the names that its place has today."""
    place = location.place(local_day(now))
    return {
        "location_id": location.location_id,
        "version": location.version,
        "name": location.name,
        "organisation": location.organisation,
        "sector": location.sector,
        "municipality": place.municipality,
        "vr": place.vr,
        "roaz": place.roaz,
        "latitude": location.latitude,
        "longitude": location.longitude,
        "phone": location.phone,
        "external_id": location.external_id,
    }


def unit_view(unit: Unit, holds: UnitHolds, ages: AgeLimits, now: datetime) -> dict[str, Any]:
    """A unit as it may be shown now."""
    registration, location, shown = unit.registration, unit.location, unit.shown_at(now)
    return {
        **location_view(location, now),
        "unit_id": registration.unit_id,
        "version": unit.version,
        "location_name": location.name,
        "name": registration.name,
        "care_type": registration.care_type,
        "cohort": registration.cohort,
        "features": registration.features,
        "external_id": registration.external_id,
        "total": shown.total,
        "open": shown.open,
        "occupied": shown.occupied,
        "reserved": shown.reserved,
        "closed": shown.total - shown.open if shown.total is not None and shown.open is not None else None,
        "closed_reason": shown.closed.code if shown.closed else None,
        "closed_reason_sent": shown.closed.sent if shown.closed else None,
        "free": shown.free,
        "held": holds.beside(shown.includes_holds),
        "available": holds.available(shown),
        "holds_version": holds.version,
        "holds_changed_at": holds.changed_at,
        "holds_incomplete": holds.is_incomplete,
        "observed_at": shown.observed_at,
        "fresh_until": shown.fresh_until,
        "age_limit_seconds": int(unit.age_limit(ages).total_seconds()),
        "source": shown.source,
        "conflict": shown.conflict,
        "warnings": shown.warnings,
        "recorded_at": unit.recorded_at,
    }


def board_view(seen: SeenUnit, ages: AgeLimits) -> dict[str, Any]:
    """A unit on the board."""
    return {"id": seen.unit.registration.unit_id, **unit_view(seen.unit, seen.holds, ages, seen.now)}
