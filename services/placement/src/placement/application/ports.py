"""What the use cases need of the outside world: one transaction, and what can be read, locked and changed in it.

Locks are always taken in this order: requests by id, units by id, offers. Every change of a status is one conditional update, checked
against the table of states.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from contracts.capacity import UnitChangedV1
from contracts.event import Event
from contracts.placement import RequestEnd
from contracts.topic import Topic
from placement.domain.offer import Offer
from placement.domain.policy import Policy
from placement.domain.request import Request
from placement.domain.states import OfferStatus, RequestStatus
from placement.domain.unit import Unit
from placement.domain.webhook import Told

Value = str | int | bool | datetime | UUID | list[str] | None
"""What a column may be changed to."""


@dataclass(frozen=True, slots=True)
class Due:
    """When somebody must look at a subject."""

    subject: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What is held at a unit, by the end of a transaction."""

    unit_id: UUID
    full_since: datetime | None
    begins: bool | None
    """Whether more is held than is free from now on (True), or no longer (False); None when that is as it was."""
    held: Sequence[Offer]
    """Oldest first."""
    absorbed: Sequence[Offer]
    """Those whom the unit's own figures contain since not long ago."""


class Requests(Protocol):
    """Requests; their id is that of the case."""

    async def locked(self, case_ids: Collection[UUID]) -> Mapping[UUID, Request]:
        """Lock and read these requests in the order of their ids, without who was asked; unknown ones are left out."""

    async def add(self, request: Request) -> bool:
        """Store a new one; False when its round had ended before we heard of it."""

    async def move(self, request: Request, to: RequestStatus, **changes: Value) -> Request:
        """Change the status of a locked request, and these columns with it."""

    async def change(self, request: Request, **changes: Value) -> Request:
        """Change these columns of a locked request; without any, only its version, because one of its offers changed."""

    async def renew(self, request: Request, to: Request) -> Request:
        """Begin the next round of a locked, closed request."""

    async def remember_end(self, case_id: UUID, round_: int, how: RequestEnd, now: datetime) -> None:
        """Remember that what a case asks in this round, or asked earlier, has ended before we heard of it."""


class Offers(Protocol):
    """Offers, which are also holds and placements."""

    async def put_back(self, offers: Sequence[Offer]) -> None:
        """Store these as they are, after a restore: what had become of them. Their requests and units are locked; nothing is counted."""

    async def find(self, offer_ids: Collection[UUID]) -> Mapping[UUID, Offer]:
        """Read without a lock, to know whose request must be locked."""

    async def locked(self, offer_ids: Collection[UUID]) -> Mapping[UUID, Offer]:
        """Lock and read these offers in the order of their ids."""

    async def of_requests(self, case_ids: Collection[UUID], among: Collection[OfferStatus]) -> Sequence[Offer]:
        """The offers in these states, oldest first; under the lock of their requests no others can come."""

    async def at_units(self, unit_ids: Collection[UUID], among: Collection[OfferStatus]) -> Sequence[Offer]:
        """The offers in these states whose place is at these units, oldest first."""

    async def grant(self, offer: Offer) -> bool:
        """Take one place for this offer and store it, both or neither; its request and unit are locked.

        False when there is none by the last known figure and the database's clock, and when the unit is being asked already.
        """

    async def settle(self, unit_ids: Collection[UUID], now: datetime) -> Sequence[Standing]:
        """Note where more is held than is free from now on, and where no longer; give how these locked units stand, by their ids."""

    async def move(self, offer: Offer, to: OfferStatus, **changes: Value) -> Offer | None:
        """Change the status, if it still is what we read and the clock allows it; None when not."""

    async def change(self, offer: Offer, **changes: Value) -> Offer:
        """Change these columns of an offer whose unit is locked."""


class Units(Protocol):
    """Units, always locked in the order of their ids before anything is read."""

    async def locked(self, unit_ids: Collection[UUID]) -> Mapping[UUID, Unit]:
        """Lock and read these units; unknown ones are left out."""

    async def all_ids(self) -> Sequence[UUID]:
        """Every unit that is known."""

    async def make_unknown(self, gone: Mapping[UUID, int]) -> None:
        """These locked units are gone for good, by that version: nothing is known of their figures, so nothing is given there."""

    async def project(self, changed: Sequence[tuple[UnitChangedV1, int]]) -> Mapping[UUID, Unit]:
        """Store the whole states of these units, each with its version, keeping what is held there; new ones are added.

        Gives them as they are now, without those of which something newer was known.
        """

    async def suitable(self, request: Request) -> Sequence[Unit]:
        """The units in the region that is looked in now which give this care and have a place, read without a lock."""

    async def give_back(self, unit_id: UUID, offer_id: UUID) -> None:
        """One place less is held, unless the unit's figures contain it and it did not count."""

    async def note_parked(self, unit_ids: Collection[UUID], *, is_parked: bool) -> None:
        """Mark these locked units as ones of which the newest state cannot be read, or take the mark off."""

    async def take_regardless(self, unit_id: UUID, offer_id: UUID) -> None:
        """One place more is held, also when there is none: the patient lies there."""

    async def recount(self, unit_ids: Collection[UUID]) -> None:
        """Count what is held at these locked units from the rows, after their figures name other holds than before."""

    async def set_full(self, unit_id: UUID, since: datetime) -> None:
        """Nothing is free until an observation later than this."""


class Timers(Protocol):
    """What must be looked at later. Timers are never moved or taken off, only set anew under another subject.

    The worker takes a timer first and then locks its request; whoever holds that lock and touched the same timer would wait for ever.
    A timer whose reason is gone finds nothing to do.
    """

    async def set(self, kind: str, due: Sequence[Due]) -> None: ...


class Webhooks(Protocol):
    """Where organisations want to be told of their offers."""

    async def tell(self, offer_id: UUID, what: Told) -> None:
        """Let the offer's organisation be told this of it, once and as it is now; nothing when it has no webhook."""

    async def set(self, organisation: str, url: str, sealed_secret: bytes) -> bool:
        """Store the address and the secret; gives whether it is the organisation's first."""

    async def remove(self, organisation: str) -> bool:
        """Forget them; gives whether there was anything."""


class Work(Protocol):
    """One transaction."""

    @property
    def policy(self) -> Policy: ...

    @property
    def requests(self) -> Requests: ...

    @property
    def offers(self) -> Offers: ...

    @property
    def units(self) -> Units: ...

    @property
    def timers(self) -> Timers: ...

    @property
    def webhooks(self) -> Webhooks: ...

    async def now(self) -> datetime:
        """The database's clock, which tests can shift, when this transaction last locked something."""

    def publish(self, topic: Topic, event: Event, *, key: str) -> None:
        """Send this event when, and only when, this transaction commits."""
