"""Who sees which requests and offers, as conditions on what is shown; what somebody may do is judged by the use cases."""

from collections.abc import Mapping
from typing import Final

from chassis.errors import Rejected
from chassis.security.auth import Caller
from chassis.security.roles import PROVIDERS, Role
from contracts.geography import UNKNOWN_ROAZ, safety_regions
from placement.adapters.sql.queries import Condition, Row, all_hold
from placement.domain.distance import possible_roaz

Sight = tuple[Condition, ...]
"""All must hold; none is needed by who sees everything."""

_EVERYTHING: Final = frozenset({Role.ADMIN, Role.TRIAGIST})
_BY_VR: Final = frozenset({Role.COORDINATOR, Role.DPG})
_BY_ROAZ: Final = frozenset({Role.RCPS, Role.ROAZ})


def request_sight(who: Caller) -> Sight:
    """Whose requests somebody sees: those of their region, what was escalated to them, or what they asked for."""
    if who.role in _EVERYTHING:
        return ()
    if who.role is Role.LCPS:
        return (Condition({"sought_by": frozenset({"LCPS"})}),)
    if who.role in _BY_VR:
        return (Condition({"region": _only(who.region)}),)
    if who.role in _BY_ROAZ:
        # Where only a straddling VR is known, every ROAZ region that it touches sees the request: it may be theirs.
        return (Condition({"roaz": _only(who.region), "straddling_vr": _straddling(who.region)}),)
    return (Condition({"organisation": _only(who.org)}),)


def offer_sight(who: Caller) -> Sight:
    """Whose offers somebody sees: made to them, for their patients, or in their region."""
    if who.role in _EVERYTHING:
        return ()
    if who.role is Role.LCPS:
        return (Condition({"sought_by": frozenset({"LCPS"})}),)
    if who.role is Role.COORDINATOR:
        return (Condition({"region": _only(who.region), "unit_vr": _only(who.region)}),)
    return (Condition({"organisation": _only(who.org), "asked_by": _only(who.org)}),)


def seen_request(who: Caller, row: Row | None) -> Row:
    """The request, if it is there and theirs to know of.

    Raises:
        Rejected: 404.
    """
    if row is None or not all_hold(request_sight(who), row):
        raise Rejected("request-not-found", "There is no such request.", status=404)
    return row


def seen_offer(who: Caller, row: Row | None) -> Row:
    """The offer, if it is there and theirs to know of.

    Raises:
        Rejected: 404.
    """
    if row is None or not all_hold(offer_sight(who), row):
        raise Rejected("offer-not-found", "There is no such offer.", status=404)
    return row


def may_see_token(who: Caller, offer: Mapping[str, object] | Row) -> bool:
    """Only who is asked, and who asked: whoever answers must have been shown this very offer."""
    return (who.role in PROVIDERS and who.covers(str(offer["organisation"]))) or offer["made_by"] == who.subject


def _only(value: str | None) -> frozenset[str]:
    return frozenset({value}) if value is not None else frozenset()


def _straddling(roaz: str | None) -> frozenset[str]:
    return frozenset(vr for vr in safety_regions() if roaz in possible_roaz(vr, UNKNOWN_ROAZ))
