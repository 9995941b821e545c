"""Close a case: triage has done its part."""

from uuid import UUID

from chassis.http.etag import require_match
from chassis.security.auth import Caller
from contracts.codes import ClosureOutcome
from contracts.triage import CASES, CaseClosedV1
from triage.application.decide import case_to_decide_on
from triage.application.ports import Work
from triage.domain.case import Case
from triage.domain.timeline import Entry, Happened


async def close_case(work: Work, case_id: UUID, outcome: ClosureOutcome, *, seen: str, who: Caller) -> Case:
    """Close it with this outcome; unless a place was found, its request for one ends.

    Raises:
        Rejected: 404, 403, 409, 412.
    """
    case = await case_to_decide_on(work, case_id, who)
    require_match(seen, case.version)
    now = await work.now()
    after = case.closed(outcome, now)
    await work.cases.write([after], [Entry(case_id, Happened.GESLOTEN, now, who.subject, {"outcome": outcome})])
    work.publish(CASES, CaseClosedV1(case_id=case_id, outcome=outcome, closed_at=now), key=str(case_id))
    return after
