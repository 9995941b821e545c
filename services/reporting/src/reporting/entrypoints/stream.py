"""What reporting does with the topics of capacity and placement; the chassis gives it batches and commits them."""

from chassis.messaging.reading import SOON_SECONDS, UNHURRIED_SECONDS, Reading
from contracts.capacity import FLOWS, OBSERVATIONS, UNITS, FlowRecordedV1, ObservationRecordedV1, UnitChangedV1
from contracts.event import Ended
from contracts.placement import HOLDS, PLACEMENTS, HoldsChangedV1
from reporting.application.count_placements import COUNTED, CountPlacements
from reporting.application.note_parked import NoteParked
from reporting.application.ports import Contributions, Feed, PlacementCounts
from reporting.application.project_holds import ProjectHolds
from reporting.application.project_units import ProjectUnits
from reporting.application.record_admissions import RecordAdmissions
from reporting.application.record_observations import RecordObservations
from reporting.application.take_off_units import TakeOffUnits


def readings(contributions: Contributions, feed: Feed, counts: PlacementCounts) -> tuple[Reading, ...]:
    """Topic by topic, what is done with its events."""
    count = CountPlacements(counts)
    return (
        Reading(
            UNITS, {UnitChangedV1: ProjectUnits(contributions), Ended: TakeOffUnits(contributions)}, NoteParked(contributions, UNITS.name)
        ),
        Reading(HOLDS, {HoldsChangedV1: ProjectHolds(contributions)}, NoteParked(contributions, HOLDS.name), SOON_SECONDS),
        Reading(OBSERVATIONS, {ObservationRecordedV1: RecordObservations(feed)}, within_seconds=UNHURRIED_SECONDS),
        Reading(FLOWS, {FlowRecordedV1: RecordAdmissions(feed)}, within_seconds=UNHURRIED_SECONDS),
        Reading(PLACEMENTS, dict.fromkeys(COUNTED, count), within_seconds=UNHURRIED_SECONDS),
    )
