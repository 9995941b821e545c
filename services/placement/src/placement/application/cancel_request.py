"""Say that no place is needed any more."""

from uuid import UUID

from chassis.errors import Rejected
from chassis.http.etag import require_match
from chassis.security.auth import Caller
from contracts.placement import RequestEnd
from placement.application.end_requests import end_requests
from placement.application.permission import may_cancel
from placement.application.ports import Work
from placement.domain.request import Request
from placement.domain.states import RequestStatus

_DECEASED = frozenset({"DECEASED", "OVERLEDEN"})


async def cancel_request(work: Work, case_id: UUID, reason: str, seen: str, who: Caller) -> Request:
    """Close a request: its offers are withdrawn, and what was accepted is released.

    Args:
        work: the transaction.
        case_id: whose request.
        reason: `OVERLEDEN` when the patient died; any other code is a cancellation.
        seen: the `If-Match` header.
        who: a triagist, or who coordinates it.

    Raises:
        Rejected: 404, 403; 409 when it has ended already; 412 when another version was seen.
    """
    request = (await work.requests.locked([case_id])).get(case_id)
    if request is None:
        raise Rejected("request-not-found", "There is no such request.", status=404)
    may_cancel(who, request)
    if request.status is RequestStatus.CLOSED:
        raise Rejected("request-closed", "This request has ended.", status=409)
    require_match(seen, request.version)
    how = RequestEnd.DECEASED if reason in _DECEASED else RequestEnd.CANCELLED
    (closed,) = await end_requests(work, [request], {case_id: how}, await work.now())
    return closed
