"""After a restore: store again what capacity itself once told, and its database has forgotten."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from capacity.application.ports import NOT_WHOLE, Fact, FlowFact, Work
from capacity.application.show_units import show_units
from capacity.domain.flow import Flow
from capacity.domain.fold import from_scratch
from capacity.domain.report import Report
from contracts.capacity import FlowRecordedV1, ObservationRecordedV1

_SENDER: Final = "taken back from its own topic"


async def take_back_observations(work: Work, told: Sequence[ObservationRecordedV1]) -> Collection[ObservationRecordedV1]:
    """Fold these observations in again; gives those whose unit is not known any more."""
    now, units = await work.units.locked({one.unit_id for one in told})
    known = {(one.report_id, one.revision): one for one in told if one.unit_id in units}
    await work.reports.store([Fact(_report(one), NOT_WHOLE, _SENDER) for one in known.values()], now)
    deciding = await work.reports.deciding(units)
    await show_units(work, [replace(unit, folded=from_scratch(deciding.get(unit_id, ()))) for unit_id, unit in units.items()], now)
    return [one for one in told if one.unit_id not in units]


async def take_back_flows(work: Work, told: Sequence[FlowRecordedV1]) -> Collection[FlowRecordedV1]:
    """Count these flows again; gives those whose location or unit is not known any more."""
    locations = await work.registry.locations({one.location_id for one in told}, "none")
    now, units = await work.units.locked({one.unit_id for one in told if one.unit_id})
    known = {
        (one.flow_id, one.revision): one for one in told if one.location_id in locations and (one.unit_id is None or one.unit_id in units)
    }
    await work.flows.store([FlowFact(_flow(one), NOT_WHOLE, _SENDER) for one in known.values()], now)
    await work.flows.mark(units)
    await show_units(work, [replace(unit, has_flows=True) for unit in units.values()], now)
    return [one for one in told if (one.flow_id, one.revision) not in known]


def _report(told: ObservationRecordedV1) -> Report:
    return Report(
        report_id=told.report_id,
        revision=told.revision,
        is_retracted=told.retracted,
        unit_id=told.unit_id,
        source=told.source,
        observed_at=told.observed_at,
        figures={field: getattr(told, field) for field in told.stated},
        # The event does not say whether somebody counted or only confirmed. Taken for a count it could end a hold that it does not contain;
        # so it ends none, and at worst a place counts as taken twice until the next report.
        is_confirmation=True,
    )


def _flow(told: FlowRecordedV1) -> Flow:
    return Flow(
        flow_id=told.flow_id,
        revision=told.revision,
        is_retracted=told.retracted,
        source=told.source,
        location_id=told.location_id,
        unit_id=told.unit_id,
        kind=told.kind,
        care_type=told.care_type,
        cohort=told.cohort,
        occurred_at=told.occurred_at,
        destination_sent=told.destination,
        count=told.count,
    )
