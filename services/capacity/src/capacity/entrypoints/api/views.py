"""What is answered."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from capacity.application.take_reports import Taken
from capacity.domain.age_limits import AgeLimits
from capacity.domain.days import local_day
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
    free: int | None
    held: int
    available: int | None
    observed_at: datetime | None
    fresh_until: datetime | None
    age_limit_seconds: int
    source: Source | None
    conflict: bool
    warnings: list[str]
    recorded_at: datetime


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


def unit_view(unit: Unit, ages: AgeLimits, now: datetime) -> dict[str, Any]:
    """A unit as it may be shown now."""
    registration, location, shown = unit.registration, unit.location, unit.shown_at(now)
    held = 0  # nobody holds places until placement runs
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
        "held": held,
        "available": max(0, shown.free - held) if shown.free is not None else None,
        "observed_at": shown.observed_at,
        "fresh_until": shown.fresh_until,
        "age_limit_seconds": int(unit.age_limit(ages).total_seconds()),
        "source": shown.source,
        "conflict": shown.conflict,
        "warnings": shown.warnings,
        "recorded_at": unit.recorded_at,
    }


def page(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A page of a list."""
    return {"items": items}
