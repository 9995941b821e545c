"""Who may do what with whose patients and places."""

from chassis.errors import Rejected
from chassis.security.auth import Caller
from chassis.security.roles import ANSWERERS, CANCELLERS, JOURNEY_TAKERS, OFFERERS, PROVIDERS, Role
from placement.domain.offer import Offer
from placement.domain.request import Request


def may_offer(who: Caller, request: Request) -> None:
    """Let through who looks for a place for this request.

    Raises:
        Rejected: 403.
    """
    if who.role not in OFFERERS or not _coordinates(who, request):
        raise Rejected("not-your-region", "This request is coordinated by another region.", status=403)


def may_cancel(who: Caller, request: Request) -> None:
    """Let through who may say that no place is needed any more.

    Raises:
        Rejected: 403.
    """
    if who.role not in CANCELLERS or not (who.role is Role.TRIAGIST or _coordinates(who, request)):
        raise Rejected("not-your-region", "This request is coordinated by another region.", status=403)


def may_answer(who: Caller, offer: Offer) -> None:
    """Let through whose place it is.

    Raises:
        Rejected: 403.
    """
    if who.role not in ANSWERERS or not who.covers(offer.organisation):
        raise Rejected("not-your-organisation", "This offer was made to another organisation.", status=403)


def may_set_webhook(who: Caller, organisation: str) -> None:
    """Let through whose offers are told there.

    Raises:
        Rejected: 403.
    """
    if who.role not in PROVIDERS or not who.covers(organisation):
        raise Rejected("not-your-organisation", "This is the webhook of another organisation.", status=403)


def may_take_along(who: Caller, offer: Offer, request: Request) -> None:
    """Let through who brings this patient to the place, or receives it there.

    Raises:
        Rejected: 403.
    """
    if who.role in JOURNEY_TAKERS and (who.covers(offer.organisation) if who.role in PROVIDERS else _coordinates(who, request)):
        return
    raise Rejected("not-your-placement", "This placement belongs to another organisation or region.", status=403)


def _coordinates(who: Caller, request: Request) -> bool:
    if who.role is Role.COORDINATOR:
        return who.region is not None and who.region == request.region
    if who.role is Role.LCPS:
        return request.is_escalated
    return who.role is Role.ADMIN
