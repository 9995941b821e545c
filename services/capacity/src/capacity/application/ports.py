"""What the use cases need of the outside world: one transaction, and what can be read, locked and written in it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, Protocol
from uuid import UUID

from capacity.domain.age_limits import AgeLimits
from capacity.domain.flow import Flow
from capacity.domain.holds import UnitHolds
from capacity.domain.registry import Location, Registration
from capacity.domain.report import Report
from capacity.domain.unit import Unit
from contracts.codes import Source
from contracts.event import Event
from contracts.topic import Topic

NOT_WHOLE: Final = b""
"""The digest of what was taken back from an event after a restore. That does not say all that was sent: any content under the same id and
revision is then the same fact."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A report to be stored."""

    report: Report
    digest: bytes
    sender: str


@dataclass(frozen=True, slots=True)
class FlowFact:
    """A flow to be stored."""

    flow: Flow
    digest: bytes
    sender: str


@dataclass(frozen=True, slots=True)
class Known:
    """A revision of a report or flow that is stored."""

    subject_id: UUID
    """The unit of a report, the location of a flow."""
    digest: bytes
    is_new: bool
    """Stored by this very call."""
    unit_id: UUID | None = None
    """The unit of a flow."""


@dataclass(frozen=True, slots=True)
class RegistryChange:
    """What the register says from now on about a location or unit."""

    kind: Literal["LOCATION", "UNIT"]
    subject_id: UUID
    version: int
    said: Mapping[str, Any]
    sender: str


class Units(Protocol):
    """Units, always locked in the order of their ids before anything is read."""

    async def locked(self, unit_ids: Collection[UUID]) -> tuple[datetime, Mapping[UUID, Unit]]:
        """Lock these units, then read them and the database's clock; unknown ones are left out."""

    async def all_ids(self) -> Sequence[UUID]:
        """Every unit that is registered."""

    async def of_locations(self, location_ids: Collection[UUID]) -> Sequence[UUID]:
        """The ids of these locations' units."""

    async def write(self, units: Sequence[Unit]) -> None:
        """Store what is folded and shown of locked units, and set the timers of those that would else be looked at too late."""

    async def net_flows(self, units: Collection[Unit]) -> Mapping[UUID, Mapping[Source, int]]:
        """Per unit and source, who came minus who left since that source's last snapshot of `occupied`."""


class Reports(Protocol):
    """Stored reports; an id and revision counts once."""

    async def store(self, facts: Sequence[Fact], now: datetime) -> Mapping[tuple[UUID, int], Known]:
        """Store those whose id and revision are not known yet; gives all revisions that are known of these ids, the new ones too.

        A report whose id belongs to another unit is not stored.
        """

    async def deciding(self, unit_ids: Collection[UUID]) -> Mapping[UUID, Sequence[Report]]:
        """Of each unit at least the reports that decide its fold: the highest revisions that are not retracted."""


class Holds(Protocol):
    """What placement holds of each unit, known to us or not."""

    async def of(self, unit_ids: Collection[UUID]) -> Mapping[UUID, UnitHolds]:
        """What is held of each of these; nothing of those that were never heard of."""

    async def write(self, states: Sequence[UnitHolds]) -> None:
        """Replace what is known of each; whether it is incomplete is told apart."""

    async def mark(self, unit_ids: Collection[UUID], *, is_incomplete: bool) -> None:
        """Say of these that a newer state of them could not be read, or that it was after all."""


class Flows(Protocol):
    """Stored flows; an id and revision counts once."""

    async def store(self, facts: Sequence[FlowFact], now: datetime) -> Mapping[tuple[UUID, int], Known]:
        """As for reports; a flow whose id belongs to another location or unit is not stored."""

    async def mark(self, unit_ids: Collection[UUID]) -> None:
        """Remember that flows name these units, so that their folds look at them."""


class Registry(Protocol):
    """The register of locations and units."""

    async def locations(self, location_ids: Collection[UUID], lock: Literal["none", "share", "update"]) -> Mapping[UUID, Location]:
        """Locations; locks on them are taken before those on their units, so that a unit never shows a place that was just left."""

    async def locations_called(self, external: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], UUID]:
        """The ids of locations by organisation and external id."""

    async def units_called(self, external: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], UUID]:
        """The ids of units by organisation and external id."""

    async def one_at_a_time(self, external: Collection[tuple[str, str]]) -> None:
        """Hold off others who register under the same external ids until this transaction ends."""

    async def add_locations(self, locations: Sequence[Location], now: datetime) -> None: ...

    async def change_locations(self, locations: Sequence[Location], now: datetime) -> None: ...

    async def add_units(self, units: Sequence[Unit]) -> None: ...

    async def change_registrations(self, registrations: Sequence[Registration]) -> None: ...

    async def remember(self, changes: Sequence[RegistryChange], now: datetime) -> None:
        """Keep what the register said and when, for pictures of the past."""


class Work(Protocol):
    """One transaction."""

    @property
    def ages(self) -> AgeLimits: ...

    @property
    def units(self) -> Units: ...

    @property
    def reports(self) -> Reports: ...

    @property
    def flows(self) -> Flows: ...

    @property
    def holds(self) -> Holds: ...

    @property
    def registry(self) -> Registry: ...

    async def now(self) -> datetime:
        """The database's clock, which tests can shift."""

    def publish(self, topic: Topic, event: Event, *, key: str) -> None:
        """Send this event when, and only when, this transaction commits."""
