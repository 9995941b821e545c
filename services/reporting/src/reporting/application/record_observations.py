"""Observations of hospitals become days of their units, whatever order they come in."""

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.database.sql import Transaction
from chassis.messaging.reading import Received
from contracts.capacity import ObservationRecordedV1
from reporting.application.ports import Feed, Observation
from reporting.domain.days import local_day
from reporting.domain.feed import counts_for_beds


@dataclass(frozen=True, slots=True)
class RecordObservations:
    """Handles `ObservationRecordedV1`, in the transaction of its batch."""

    feed: Feed

    async def __call__(self, tx: Transaction, received: Sequence[Received[ObservationRecordedV1]]) -> None:
        highest: dict[tuple[object, object], ObservationRecordedV1] = {}
        for item in received:
            said = item.event
            known = highest.get((said.unit_id, said.report_id))
            if known is None or known.revision < said.revision:
                highest[said.unit_id, said.report_id] = said
        await self.feed.record_observations(tx, [_observation(said) for said in highest.values()])


def _observation(said: ObservationRecordedV1) -> Observation:
    return Observation(
        unit_id=said.unit_id,
        report_id=said.report_id,
        revision=said.revision,
        counts=not said.retracted and "occupied" in said.stated and counts_for_beds(said.sector, said.care_type, said.cohort),
        day=local_day(said.observed_at),
        location_id=said.location_id,
        care_type=said.care_type,
        cohort=said.cohort,
        observed_at=said.observed_at,
        recorded_at=said.recorded_at,
        occupied=said.occupied,
        free=_free(said),
    )


def _free(said: ObservationRecordedV1) -> int | None:
    # What a report does not state is null as well: unknown as far as this report goes, and unknown is never free.
    if said.open is None or said.occupied is None or said.reserved is None:
        return None
    return said.open - said.occupied - said.reserved
