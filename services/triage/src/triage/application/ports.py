"""What the use cases need of the outside world: one transaction, and what can be read, locked and written in it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from chassis.auth import Caller
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

    async def add(self, case: Case) -> None: ...

    async def locked(self, case_ids: Collection[UUID]) -> Mapping[UUID, Case]:
        """Lock these cases until the transaction ends, then read them; unknown ones are left out."""

    async def write(self, cases: Collection[Case]) -> None:
        """Store locked cases, and tell those who watch."""


class Timeline(Protocol):
    """What happened; only ever added to."""

    async def add(self, entries: Sequence[Entry], now: datetime) -> None: ...


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

    async def keep(self, case_id: UUID, patient: Patient, complaint: str) -> None: ...

    async def keep_wishes(self, case_id: UUID, texts: WishTexts) -> None: ...

    async def open(self, case_id: UUID, who: Caller, now: datetime) -> Identity | None:
        """Write down who looks, then open it."""

    async def recognise(self, case_id: UUID, patient: Patient, now: datetime, within: timedelta) -> bool:
        """Remember that this person was heard of now; gives whether they had been within that time, also when two call at once."""


class Work(Protocol):
    """One transaction."""

    @property
    def cases(self) -> Cases: ...

    @property
    def timeline(self) -> Timeline: ...

    @property
    def acceptances(self) -> Acceptances: ...

    async def now(self) -> datetime:
        """The database's clock, which tests can shift."""

    def publish(self, topic: Topic, event: Event, *, key: str) -> None:
        """Send this event when, and only when, this transaction commits."""


class VaultWork(Work, Protocol):
    """One transaction of those who hold the vault's keys: the API, never the worker."""

    @property
    def vault(self) -> Vault: ...
