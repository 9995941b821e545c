"""Whose case it is: triagists see all, who else registers a contact sees its own."""

from chassis.errors import Rejected
from chassis.security.auth import Caller
from chassis.security.roles import Role
from triage.domain.case import Case

_SEES_ALL = frozenset({Role.TRIAGIST, Role.ADMIN})
OWN_BY_ORGANISATION = frozenset({Role.REFERRER, Role.HOSPITAL})


def sees_all(who: Caller) -> bool:
    return who.role in _SEES_ALL


def owns(who: Caller, registered_by: str, organisation: str | None) -> bool:
    """Whether the contact is this caller's own: they registered it, or a colleague in the same practice or hospital did."""
    if registered_by == who.subject:
        return True
    return who.role in OWN_BY_ORGANISATION and organisation is not None and organisation == who.org


def may_see(who: Caller, case: Case) -> bool:
    return sees_all(who) or owns(who, case.registered_by, case.organisation)


def require_act(who: Caller, case: Case) -> None:
    """Let through who may decide on this case.

    Raises:
        Rejected: 403.
    """
    if not may_see(who, case):
        raise Rejected("not-your-case", "This contact was registered by somebody else.", status=403)
