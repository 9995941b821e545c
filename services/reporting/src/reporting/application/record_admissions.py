"""Admissions to hospitals count on the local day on which they happened; moves between wards never do."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from chassis.database.sql import Transaction
from chassis.messaging.reading import Received
from contracts.capacity import FlowRecordedV1
from contracts.codes import FlowKind
from reporting.application.ports import Admission, Feed
from reporting.domain.days import local_day
from reporting.domain.feed import counts_for_admissions


@dataclass(frozen=True, slots=True)
class RecordAdmissions:
    """Handles `FlowRecordedV1`, in the transaction of its batch."""

    feed: Feed

    async def __call__(self, tx: Transaction, received: Sequence[Received[FlowRecordedV1]]) -> None:
        highest: dict[UUID, FlowRecordedV1] = {}
        for item in received:
            flow = item.event
            known = highest.get(flow.flow_id)
            if known is None or known.revision < flow.revision:
                highest[flow.flow_id] = flow
        await self.feed.record_admissions(tx, [_admission(highest[flow_id]) for flow_id in sorted(highest)])


def _admission(flow: FlowRecordedV1) -> Admission:
    return Admission(
        flow_id=flow.flow_id,
        revision=flow.revision,
        counts=not flow.retracted and flow.kind is FlowKind.OPNAME and counts_for_admissions(flow.sector, flow.care_type, flow.cohort),
        day=local_day(flow.occurred_at),
        location_id=flow.location_id,
        unit_id=flow.unit_id,
        care_type=flow.care_type,
        cohort=flow.cohort,
        count=flow.count,
    )
