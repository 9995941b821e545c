"""What every decision on a case begins with: its row is locked, and state comes before version."""

from uuid import UUID

from chassis.security.auth import Caller
from triage.application.permission import require_act
from triage.application.ports import Work
from triage.application.refusals import no_such_case, refusal
from triage.domain.case import Case
from triage.domain.rules import RuleBroken


async def case_to_decide_on(work: Work, case_id: UUID, who: Caller) -> Case:
    """Lock the case; gives it when something is still to be decided on it, by this caller.

    Raises:
        Rejected: 404, 403, 409.
    """
    case = (await work.cases.locked([case_id])).get(case_id)
    if case is None:
        raise no_such_case()
    require_act(who, case)
    try:
        case.require_open()
    except RuleBroken as broken:
        raise refusal(broken) from None
    return case
