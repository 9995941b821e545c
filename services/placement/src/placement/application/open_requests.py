"""Take up what triage asks: a case needs a place."""

from collections.abc import Sequence
from datetime import datetime

from chassis.errors import Rejected
from contracts.codes import Urgency
from contracts.geography import UNKNOWN_ROAZ, roaz_regions, safety_regions
from contracts.placement import PLACEMENTS, RequestEnd
from contracts.triage import PlacementRequestedV1
from placement.application.end_requests import end_requests
from placement.application.events import request_opened
from placement.application.ports import Work
from placement.application.searching import wake_at
from placement.domain.regions import search_order
from placement.domain.request import Request
from placement.domain.states import RequestStatus

_NEVER_QUEUED = frozenset({Urgency.U0, Urgency.U1})


async def open_requests(work: Work, events: Sequence[PlacementRequestedV1]) -> None:
    """Open a request for each, in order; a case that asks again begins its next round, and what came of the one before ends.

    A round that is known, or that had ended before it came, does nothing.

    Raises:
        Rejected: for danger to life, which is never queued, and for a region that is none.
    """
    for event in events:
        _check(event)
    known = dict(await work.requests.locked({event.case_id for event in events}))
    now = await work.now()
    for event in events:
        before = known.get(event.case_id)
        if (before is None or event.round > before.round) and (opened := await _open(work, event, before, now)):
            known[event.case_id] = opened


def _check(event: PlacementRequestedV1) -> None:
    if event.urgency in _NEVER_QUEUED:
        raise Rejected("danger-to-life", "Danger to life is handed over to 112 and never queued.")
    if event.region not in safety_regions() or event.roaz not in {UNKNOWN_ROAZ, *roaz_regions()}:
        raise Rejected("unknown-region", "There is no such region.")


async def _open(work: Work, event: PlacementRequestedV1, before: Request | None, now: datetime) -> Request | None:
    if before is not None and before.status is not RequestStatus.CLOSED:
        (before,) = await end_requests(work, [before], {before.case_id: RequestEnd.REPLACED}, now)
    request = _request_of(event, now, unattended_at=now + work.policy.unattended_after[event.urgency])
    if before is not None:
        request = await work.requests.renew(before, request)
    elif not await work.requests.add(request):
        # It had ended before it came, which is remembered only of a case that never asked.
        return None
    work.publish(PLACEMENTS, request_opened(request), key=str(request.case_id))
    assert request.unattended_at is not None
    await wake_at(work, request, request.unattended_at)
    return request


def _request_of(event: PlacementRequestedV1, now: datetime, unattended_at: datetime) -> Request:
    return Request(
        case_id=event.case_id,
        round=event.round,
        status=RequestStatus.OPEN,
        urgency=event.urgency,
        is_assessed=event.is_assessed,
        care_type=event.care_type,
        cohort=event.cohort,
        place_by=event.place_by,
        region=event.region,
        roaz=event.roaz,
        municipality=event.municipality,
        origin=event.origin,
        organisation=event.organisation,
        needs=event.needs,
        target_group=event.target_group,
        requested_at=event.requested_at,
        opened_at=now,
        regions=search_order(event.region, event.roaz),
        region_index=0,
        asked_in_region=0,
        unattended_at=unattended_at,
        is_on_top=False,
        moves=0,
        ended=None,
        ended_at=None,
        version=1,
    )
