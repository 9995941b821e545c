"""How far a case's request for a place has come, as placement tells it."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Progress(StrEnum):
    """Where the request stands."""

    REQUESTED = "REQUESTED"
    OFFERED = "OFFERED"
    ACCEPTED = "ACCEPTED"
    UNDERWAY = "UNDERWAY"
    ADMITTED = "ADMITTED"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True)
class Place:
    """A place at a unit that was offered or accepted; offer, hold and placement have one id."""

    offer_id: UUID
    unit_id: UUID
    location_id: UUID
    organisation: str
    until: datetime | None
    """When the answer is due, once accepted when the hold ends; None once nothing ends it by itself."""


@dataclass(frozen=True, slots=True)
class Journey:
    """One round of a request."""

    round: int
    status: Progress = Progress.REQUESTED
    offers: tuple[Place, ...] = ()
    """Those that wait for an answer; several may be open, and one may be asked while another place is still kept."""
    place: Place | None = None
    escalated_to: str | None = None
    ended: str | None = None
    """How it ended: a code of placement's, or what triage itself did."""

    @property
    def has_ended(self) -> bool:
        return self.ended is not None

    def offered(self, offer: Place) -> "Journey":
        return self._with_offers((*self._others(offer.offer_id), offer))

    def unanswered(self, offer_id: UUID) -> "Journey":
        """An offer was declined, withdrawn or not answered in time."""
        return self._with_offers(self._others(offer_id))

    def accepted(self, place: Place) -> "Journey":
        return replace(self, status=Progress.ACCEPTED, offers=self._others(place.offer_id), place=place)

    def under_way(self, offer_id: UUID) -> "Journey":
        if self.place is None or self.place.offer_id != offer_id:
            return self
        return replace(self, status=Progress.UNDERWAY, place=replace(self.place, until=None))

    def admitted(self, place: Place) -> "Journey":
        """The patient is there, which may be another unit than was offered."""
        return replace(self, status=Progress.ADMITTED, offers=self._others(place.offer_id), place=place)

    def released(self, offer_id: UUID) -> "Journey":
        """The place is given up; nothing changes when another one was accepted meanwhile."""
        if self.place is None or self.place.offer_id != offer_id:
            return self
        return replace(self, place=None, status=self.status if self.has_ended else _waiting(self.offers))

    def escalated(self, to: str) -> "Journey":
        return replace(self, escalated_to=to)

    def closed(self, how: str) -> "Journey":
        """The round is over; an admitted patient stays where they are."""
        if self.has_ended:
            return self
        status = Progress.ADMITTED if self.status is Progress.ADMITTED else Progress.ENDED
        return replace(self, status=status, offers=(), ended=how)

    def _others(self, offer_id: UUID) -> tuple[Place, ...]:
        return tuple(offer for offer in self.offers if offer.offer_id != offer_id)

    def _with_offers(self, offers: tuple[Place, ...]) -> "Journey":
        if self.place is not None:
            return replace(self, offers=offers)
        return replace(self, offers=offers, status=_waiting(offers))


def _waiting(offers: tuple[Place, ...]) -> Progress:
    return Progress.OFFERED if offers else Progress.REQUESTED
