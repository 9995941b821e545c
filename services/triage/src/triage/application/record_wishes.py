"""Record what the patient wants: the choices beside the case, the words about them in the vault."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from chassis.errors import FieldError, Rejected
from chassis.http.etag import require_match
from chassis.security.auth import Caller
from triage.application.decide import case_to_decide_on
from triage.application.ports import VaultWork
from triage.domain.case import Case
from triage.domain.identity import WishTexts
from triage.domain.timeline import Entry, Happened
from triage.domain.wishes import Wishes

# The tolerance for clocks that are ahead, as for every instant that someone sends.
_CLOCK_AHEAD: Final = timedelta(minutes=2)


async def record_wishes(work: VaultWork, case_id: UUID, wishes: Wishes, texts: WishTexts, *, seen: str, who: Caller) -> Case:
    """Replace the wishes of a case.

    Raises:
        Rejected: 404, 403, 409, 412; 422 for wishes that were recorded in the future.
    """
    case = await case_to_decide_on(work, case_id, who)
    require_match(seen, case.version)
    now = await work.now()
    if wishes.recorded_at > now + _CLOCK_AHEAD:
        raise Rejected("clock-ahead", "Wishes were recorded before now.", errors=[FieldError("/recorded_at", "is in the future")])
    after = case.with_wishes(wishes)
    await work.vault.keep_wishes(case_id, texts)
    facts = {name: getattr(wishes, name).choice for name in ("hospital", "ic", "resuscitation", "ventilation")}
    await work.cases.write([after], [Entry(case_id, Happened.WENSEN_VASTGELEGD, now, who.subject, facts)])
    return after
