"""The events of capacity, made of its own words."""

from datetime import datetime

from capacity.domain.age_limits import AgeLimits
from capacity.domain.days import local_day
from capacity.domain.flow import Flow
from capacity.domain.fold import occupied_reported_at
from capacity.domain.registry import Location
from capacity.domain.report import Report
from capacity.domain.unit import Unit
from contracts.capacity import FlowRecordedV1, ObservationRecordedV1, UnitChangedV1


def unit_changed(unit: Unit, ages: AgeLimits) -> UnitChangedV1:
    """The whole state of a unit, now."""
    registration, location, shown = unit.registration, unit.location, unit.shown
    place = location.place(local_day(unit.recorded_at))
    return UnitChangedV1(
        unit_id=registration.unit_id,
        location_id=location.location_id,
        location_name=location.name,
        name=registration.name,
        organisation=location.organisation,
        sector=location.sector,
        care_type=registration.care_type,
        cohort=registration.cohort,
        municipality=place.municipality,
        vr=place.vr,
        roaz=place.roaz,
        latitude=location.latitude,
        longitude=location.longitude,
        phone=location.phone,
        features=dict(registration.features),
        total=shown.total,
        open=shown.open,
        occupied=shown.occupied,
        reserved=shown.reserved,
        free=shown.free,
        closed_reason=shown.closed.code if shown.closed else None,
        source=shown.source,
        observed_at=shown.observed_at,
        fresh_until=shown.fresh_until,
        age_limit_seconds=int(unit.age_limit(ages).total_seconds()),
        conflict=shown.conflict,
        warnings=shown.warnings,
        recorded_at=unit.recorded_at,
        occupied_reported_at=occupied_reported_at(unit.folded),
        includes_holds=shown.includes_holds,
    )


def observation_recorded(report: Report, unit: Unit, recorded_at: datetime) -> ObservationRecordedV1:
    """What was said, with the place that the unit was in on that day."""
    place = unit.location.place(local_day(report.observed_at))
    return ObservationRecordedV1(
        report_id=report.report_id,
        revision=report.revision,
        retracted=report.is_retracted,
        unit_id=report.unit_id,
        location_id=unit.location.location_id,
        sector=unit.location.sector,
        care_type=unit.registration.care_type,
        cohort=unit.registration.cohort,
        municipality=place.municipality,
        vr=place.vr,
        roaz=place.roaz,
        source=report.source,
        observed_at=report.observed_at,
        recorded_at=recorded_at,
        stated=report.stated,
        total=report.figures.get("total"),
        open=report.figures.get("open"),
        occupied=report.figures.get("occupied"),
        reserved=report.figures.get("reserved"),
    )


def flow_recorded(flow: Flow, location: Location, recorded_at: datetime) -> FlowRecordedV1:
    """What happened to patients, with the place that the location was in on that day."""
    place = location.place(local_day(flow.occurred_at))
    return FlowRecordedV1(
        flow_id=flow.flow_id,
        revision=flow.revision,
        retracted=flow.is_retracted,
        source=flow.source,
        location_id=flow.location_id,
        unit_id=flow.unit_id,
        sector=location.sector,
        kind=flow.kind,
        care_type=flow.care_type,
        cohort=flow.cohort,
        municipality=place.municipality,
        vr=place.vr,
        roaz=place.roaz,
        occurred_at=flow.occurred_at,
        recorded_at=recorded_at,
        destination=flow.destination,
        count=flow.count,
    )
