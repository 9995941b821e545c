"""Show who the patient is: to whoever registered them, and to the provider that accepted them last, until the place is given up."""

from datetime import timedelta
from uuid import UUID

from chassis.errors import Rejected, Unavailable
from chassis.security.auth import Caller
from chassis.security.roles import Role
from triage.application.permission import may_see, owns
from triage.application.ports import VaultWork
from triage.application.refusals import no_such_case
from triage.domain.case import Case
from triage.domain.identity import Identity

_ACCEPTING = frozenset({Role.PROVIDER, Role.HOSPITAL})
_TRY_AGAIN_SECONDS = 5


async def reveal_patient(work: VaultWork, case_id: UUID, who: Caller, silence_limit: timedelta) -> Identity:
    """Write down who looks and show it.

    Raises:
        Rejected: 404 to whom the case itself is not known, 403 to whom only the patient is not.
        Unavailable: when it cannot be told whether the provider's place still stands: placement has been silent too long.
    """
    # The lock makes a look and a release follow each other: nobody sees identity after the release was stored.
    case = (await work.cases.locked([case_id])).get(case_id)
    if case is None:
        raise no_such_case()
    if not owns(who, case.registered_by, case.organisation):
        await _require_accepted(work, case, who, silence_limit)
    identity = await work.vault.open(case_id, who)
    if identity is None:
        raise no_such_case()
    return identity


async def _require_accepted(work: VaultWork, case: Case, who: Caller, silence_limit: timedelta) -> None:
    if who.role not in _ACCEPTING:
        if may_see(who, case):
            raise Rejected("identity-not-yours", "Who the patient is, is shown to whoever registered the contact.", status=403)
        raise no_such_case()
    acceptance = await work.acceptances.of(case.case_id)
    if acceptance is None or acceptance.has_ended or not who.covers(acceptance.organisation) or not case.may_be_placed:
        raise no_such_case()
    if case.is_journey_uncertain:
        raise Unavailable(
            "Something that placement said of this case could not be read, so it is not known whether the place still stands.",
            retry_after_seconds=_TRY_AGAIN_SECONDS,
        )
    heard_at = await work.acceptances.last_heard(acceptance.partition)
    if heard_at is None or heard_at < await work.now() - silence_limit:
        # Silence may hide a release, so nothing is shown to those who have no right to it after one.
        raise Unavailable(
            "Nothing was heard of placement for a while, so it is not known whether the place still stands.",
            retry_after_seconds=_TRY_AGAIN_SECONDS,
        )
