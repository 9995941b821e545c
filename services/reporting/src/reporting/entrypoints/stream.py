"""What reporting does with the topics of capacity; the chassis gives it batches and commits them."""

from chassis.records import Reading
from contracts.capacity import FLOWS, OBSERVATIONS, UNITS, FlowRecordedV1, ObservationRecordedV1, UnitChangedV1
from reporting.application.note_parked import NoteParked
from reporting.application.ports import Contributions, Feed
from reporting.application.project_units import ProjectUnits
from reporting.application.record_admissions import RecordAdmissions
from reporting.application.record_observations import RecordObservations

# A day's figures are restated at most every second; the live picture shares its cores with this.
_DAY_FEED_SECONDS = 0.1


def readings(contributions: Contributions, feed: Feed) -> tuple[Reading, ...]:
    """Topic by topic, what is done with its events."""
    return (
        Reading(UNITS, {UnitChangedV1: ProjectUnits(contributions)}, on_parked=NoteParked(contributions)),
        Reading(OBSERVATIONS, {ObservationRecordedV1: RecordObservations(feed)}, within_seconds=_DAY_FEED_SECONDS),
        Reading(FLOWS, {FlowRecordedV1: RecordAdmissions(feed)}, within_seconds=_DAY_FEED_SECONDS),
    )
