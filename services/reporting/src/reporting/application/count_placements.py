"""Offers, answers, admissions and releases count on the local day on which they happened, where the unit was then."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.database.sql import Transaction
from chassis.messaging.reading import Received
from contracts.codes import DeclineReason
from contracts.placement import (
    AtUnit,
    OfferAcceptedV1,
    OfferDeclinedV1,
    OfferEnd,
    OfferEndedV1,
    OfferMadeV1,
    PatientAdmittedV1,
    PlacementReleasedV1,
)
from reporting.application.ports import PlacementCell, PlacementCounts
from reporting.domain.days import local_day
from reporting.domain.figure import roaz_or_unknown, vr_or_unknown
from reporting.domain.placements import What

COUNTED = (OfferMadeV1, OfferAcceptedV1, OfferDeclinedV1, OfferEndedV1, PatientAdmittedV1, PlacementReleasedV1)


@dataclass(frozen=True, slots=True)
class CountPlacements:
    """Handles each of `COUNTED`, in the transaction of its batch; an event that comes again never reaches it."""

    counts: PlacementCounts

    async def __call__(self, tx: Transaction, received: Sequence[Received[AtUnit]]) -> None:
        count: dict[PlacementCell, int] = defaultdict(int)
        seconds: dict[PlacementCell, int] = defaultdict(int)
        for item in received:
            cell = _cell(item)
            count[cell] += 1
            seconds[cell] += _seconds_to_place(item.event)
        cells = sorted(count)
        await self.counts.add(tx, cells, [count[cell] for cell in cells], [seconds[cell] for cell in cells])


def _cell(item: Received[AtUnit]) -> PlacementCell:
    event = item.event
    what, at = _what(event)
    return PlacementCell(
        day=local_day(at),
        roaz=roaz_or_unknown(event.roaz),
        vr=vr_or_unknown(event.vr),
        sector=event.sector,
        care_type=event.care_type,
        cohort=event.cohort,
        what=what,
        # What we do not know is counted as such: free text would make a figure of each spelling.
        reason=DeclineReason(event.reason) if isinstance(event, OfferDeclinedV1) else "",
        partition=item.partition,
    )


def _what(event: AtUnit) -> tuple[What, datetime]:
    match event:
        case OfferMadeV1():
            return What.OFFERED, event.made_at
        case OfferAcceptedV1():
            return What.ACCEPTED, event.accepted_at
        case OfferDeclinedV1():
            return What.DECLINED, event.declined_at
        case OfferEndedV1():
            return _ended(event)
        case PatientAdmittedV1():
            return What.ADMITTED, event.admitted_at
        case PlacementReleasedV1():
            return What.RELEASED, event.released_at
        case _:
            raise TypeError(f"{type(event).__name__} is not counted")


def _ended(event: OfferEndedV1) -> tuple[What, datetime]:
    if event.how is OfferEnd.WITHDRAWN:
        return What.WITHDRAWN, event.ended_at
    # A worker that was down over midnight ends the offer on the next day; the answer failed to come on this one.
    return What.EXPIRED, event.due_at or event.ended_at


def _seconds_to_place(event: AtUnit) -> int:
    if not isinstance(event, OfferAcceptedV1):
        return 0
    return max(0, round((event.accepted_at - event.requested_at).total_seconds()))
