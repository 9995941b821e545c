"""What triage says ends a request: cancelled, deceased, or handed over to 112."""

from collections.abc import Sequence

from contracts.codes import ClosureOutcome
from contracts.placement import RequestEnd
from contracts.triage import CaseClosedV1, CaseHandedOverV1
from placement.application.end_requests import end_requests
from placement.application.ports import Work
from placement.domain.states import RequestStatus

_FIRST_ROUND = 1


async def withdraw_for_case(work: Work, events: Sequence[CaseHandedOverV1 | CaseClosedV1]) -> None:
    """End the requests of these cases, also what is accepted already; of a case that never asked, remember it.

    A case that is closed because a place was found keeps it.
    """
    ends = {event.case_id: how for event in events if (how := _how(event)) is not None}
    if not ends:
        return
    known = await work.requests.locked(ends)
    now = await work.now()
    for case_id, how in ends.items():
        if case_id not in known:
            await work.requests.remember_end(case_id, _FIRST_ROUND, how, now)
    await end_requests(work, [one for one in known.values() if one.status is not RequestStatus.CLOSED], ends, now)


def _how(event: CaseHandedOverV1 | CaseClosedV1) -> RequestEnd | None:
    if isinstance(event, CaseHandedOverV1):
        return RequestEnd.HANDED_OVER_112
    match event.outcome:
        case ClosureOutcome.GEPLAATST:
            return None
        case ClosureOutcome.OVERLEDEN:
            return RequestEnd.DECEASED
        case ClosureOutcome.OVERGEDRAGEN_112:
            return RequestEnd.HANDED_OVER_112
        case _:
            return RequestEnd.CANCELLED
