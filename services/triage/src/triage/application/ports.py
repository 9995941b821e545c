"""What the use cases need of the outside world: one transaction, and what can be read, locked and written in it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from chassis.security.auth import Caller
from contracts.event import Event
from contracts.topic import Topic
from triage.domain.case import Case
from triage.domain.identity import Identity, Patient, WishTexts
from triage.domain.timeline import Entry


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Which provider accepted the patient last, and so may see who it is until the place is given up."""

    case_id: UUID
    offer_id: UUID
    organisation: str
    version: int
    """Of the event that said so, on the topic of placements."""
    partition: int
    """On which a release would come."""
    accepted_at: datetime
    has_ended: bool = False


class Cases(Protocol):
    """Cases, locked in the order of their ids before they are read."""

    async def add(self, case: Case, entry: Entry) -> None:
        """Store a new case with what happened."""

    async def locked(self, case_ids: Collection[UUID]) -> Mapping[UUID, Case]:
        """Lock these cases until the transaction ends, then read them; unknown ones are left out."""

    async def write(self, cases: Collection[Case], entries: Sequence[Entry]) -> None:
        """Store locked cases with what happened to them, and tell those who watch; of one whose version is as it was, only what happened."""


class Acceptances(Protocol):
    """Who may see identity because they accepted the patient; an older event never overrules a newer one."""

    async def begin(self, acceptances: Sequence[Acceptance]) -> None: ...

    async def end(self, ended: Sequence[tuple[UUID, UUID | None, int]]) -> None:
        """End those of these cases: of this offer, or of any when it is None, said by the event of this version."""

    async def of(self, case_id: UUID) -> Acceptance | None: ...

    async def heard(self, beats: Mapping[int, datetime]) -> None:
        """Remember when placement was last heard on each partition."""

    async def last_heard(self, partition: int) -> datetime | None: ...


class Vault(Protocol):
    """Who the patients are: the only place where that is known, sealed, and every look at it is written down."""

    async def keep(self, case_id: UUID, patient: Patient, complaint: str, second_within: timedelta) -> bool:
        """Keep what was told of a new case; gives whether this person had been heard of within that time, also when two call at once."""

    async def keep_wishes(self, case_id: UUID, texts: WishTexts) -> None: ...

    async def open(self, case_id: UUID, who: Caller) -> Identity | None:
        """Write down who looks, and open it."""


class Work(Protocol):
    """One transaction."""

    @property
    def cases(self) -> Cases: ...

    @property
    def acceptances(self) -> Acceptances: ...

    async def now(self) -> datetime:
        """The database's clock, which tests can shift, when this transaction last locked something."""

    def publish(self, topic: Topic, event: Event, *, key: str) -> None:
        """Send this event when, and only when, this transaction commits."""


class VaultWork(Work, Protocol):
    """One transaction of those who hold the vault's keys: the API, never the worker."""

    @property
    def vault(self) -> Vault: ...
