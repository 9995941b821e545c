"""Every state that a request and an offer may be in, and every way from one to another: the one table that all changes are checked against.

An offer, its hold and its placement have one id and one row: first a place is held and offered, then it is a placement. So one
status says all three. `docs/placement-states.md` is made of this table.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias


class RequestStatus(StrEnum):
    """Where the search for a place stands."""

    OPEN = "OPEN"
    BIJ_LCPS = "BIJ_LCPS"
    PLACED = "PLACED"
    MOVING = "MOVING"
    CLOSED = "CLOSED"


class OfferStatus(StrEnum):
    """Where an offer, its hold and its placement stand."""

    OFFERED = "OFFERED"
    ACCEPTED = "ACCEPTED"
    UNDERWAY = "UNDERWAY"
    ADMITTED = "ADMITTED"
    ABSORBED = "ABSORBED"
    DECLINED = "DECLINED"
    EXPIRED = "EXPIRED"
    WITHDRAWN = "WITHDRAWN"
    RELEASED = "RELEASED"


class Guard(StrEnum):
    """What the database's clock must say in the very statement that makes the change."""

    NONE = ""
    BEFORE_ANSWER_BY = "before its answer deadline"
    FROM_ANSWER_BY = "from its answer deadline on"


Status: TypeAlias = RequestStatus | OfferStatus


@dataclass(frozen=True, slots=True)
class Way:
    """One way from a state to another."""

    why: str
    events: str
    guard: Guard = Guard.NONE


_R, _O = RequestStatus, OfferStatus

SEEKING: Final = frozenset({_R.OPEN, _R.BIJ_LCPS, _R.MOVING})
"""Requests that may be offered somewhere."""

HOLDING: Final = frozenset({_O.OFFERED, _O.ACCEPTED, _O.UNDERWAY, _O.ADMITTED})
"""Offers that hold a place: each counts in its unit's `held`, unless the unit's own figures name it."""

PLACED: Final = frozenset({_O.ACCEPTED, _O.UNDERWAY, _O.ADMITTED, _O.ABSORBED})
"""Offers that became placements and were not given up."""

PLACEMENTS_NOW: Final = frozenset({_O.ACCEPTED, _O.UNDERWAY})
"""Placements on their way to admission; a request has at most one."""

WAYS: Final[dict[tuple[Status, Status], Way]] = {
    (_R.OPEN, _R.PLACED): Way("a provider accepts", "OfferAcceptedV1"),
    (_R.BIJ_LCPS, _R.PLACED): Way("a provider accepts", "OfferAcceptedV1"),
    (_R.OPEN, _R.BIJ_LCPS): Way("no region has a place", "RequestEscalatedV1"),
    (_R.PLACED, _R.OPEN): Way("the placement is released or its hold ends; on top of the queue", "PlacementReleasedV1, RequestOpenedV1"),
    (_R.PLACED, _R.MOVING): Way("its unit has no room: a second place is sought while the first is kept", "RoomAnsweredV1"),
    (_R.MOVING, _R.PLACED): Way(
        "a second provider accepts and the first place is given up; or there is room after all; or transport has left for the first",
        "PlacementReleasedV1 and OfferAcceptedV1, RoomAnsweredV1, or TransportLeftV1",
    ),
    (_R.MOVING, _R.OPEN): Way(
        "the first place is released or its hold ends before there is a second", "PlacementReleasedV1, RequestOpenedV1"
    ),
    (_R.OPEN, _R.CLOSED): Way("cancelled, deceased, handed over to 112, or replaced by the next round", "RequestClosedV1"),
    (_R.BIJ_LCPS, _R.CLOSED): Way("cancelled, deceased, handed over to 112, or replaced by the next round", "RequestClosedV1"),
    (_R.PLACED, _R.CLOSED): Way("admitted; or cancelled, deceased, handed over to 112, replaced by the next round", "RequestClosedV1"),
    (_R.MOVING, _R.CLOSED): Way("admitted; or cancelled, deceased, handed over to 112, replaced by the next round", "RequestClosedV1"),
    (_R.CLOSED, _R.OPEN): Way("the case asks again: the next round", "RequestOpenedV1"),
    (_O.OFFERED, _O.ACCEPTED): Way("the provider accepts, first of all", "OfferAcceptedV1", Guard.BEFORE_ANSWER_BY),
    (_O.OFFERED, _O.DECLINED): Way("the provider declines", "OfferDeclinedV1", Guard.BEFORE_ANSWER_BY),
    (_O.OFFERED, _O.EXPIRED): Way("no answer in time", "OfferEndedV1", Guard.FROM_ANSWER_BY),
    (_O.OFFERED, _O.WITHDRAWN): Way("another accepted, the request ended, or the unit has no room any more", "OfferEndedV1"),
    (_O.ACCEPTED, _O.UNDERWAY): Way("transport has left", "TransportLeftV1"),
    (_O.ACCEPTED, _O.ADMITTED): Way("the patient is there", "PatientAdmittedV1"),
    (_O.UNDERWAY, _O.ADMITTED): Way("the patient is there", "PatientAdmittedV1"),
    (_O.ACCEPTED, _O.RELEASED): Way("given up, cancelled, its hold ends, or a second place was accepted", "PlacementReleasedV1"),
    (_O.UNDERWAY, _O.RELEASED): Way("given up or cancelled; never by itself", "PlacementReleasedV1"),
    (_O.ADMITTED, _O.ABSORBED): Way("the provider's own figures contain the patient", "HoldsChangedV1"),
}

BEGINS: Final = frozenset({_R.OPEN, _O.OFFERED})
"""What a request and an offer begin as."""


class NoSuchWay(ValueError):  # noqa: N818  it names what happened, and is a fault of ours, never of a caller
    """The table knows no way between these states."""


def way(before: Status, after: Status) -> Way:
    """The way from one state to another.

    Raises:
        NoSuchWay: when there is none, which is a fault in a use case: those ask first.
    """
    found = WAYS.get((before, after))
    if found is None or type(before) is not type(after):
        raise NoSuchWay(f"no way from {before} to {after}")
    return found


def may(before: Status, after: Status) -> bool:
    """Whether there is a way."""
    return (before, after) in WAYS
