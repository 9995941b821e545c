"""What the use cases need from outside; the promises stand here, and every adapter keeps them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from chassis.database.sql import Transaction
from contracts.codes import CareType, Cohort, Sector
from contracts.reporting import FigureChangedV1
from reporting.domain.days import Days
from reporting.domain.feed import Cells, Coverage
from reporting.domain.figure import Wanted
from reporting.domain.placements import PlacementDay, What


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one unit adds to the three figures it counts in."""

    unit_id: UUID
    version: int
    partition: int
    location_id: UUID
    sector: Sector
    care_type: CareType
    cohort: Cohort
    in_country: str
    in_roaz: str
    in_vr: str
    includes_holds: tuple[UUID, ...]
    total: int | None
    open: int | None
    occupied: int | None
    reserved: int | None
    free: int | None
    observed_at: datetime | None
    fresh_until: datetime | None


@dataclass(frozen=True, slots=True)
class Holding:
    """What is held of one unit, whether the unit is known already or not."""

    unit_id: UUID
    version: int
    holds: tuple[UUID, ...]
    absorbed_by: tuple[int, ...]
    """Of each hold that a report took over: the version of the unit from which on its figures contain it."""


class Contributions(Protocol):
    """What units contribute, and the partial sums made of it; every change notes the figures it touches, in its transaction.

    `since` is when the oldest of these facts was recorded: how late the figures are that are made of them.
    """

    async def put(self, tx: Transaction, contributions: Sequence[Contribution], since: datetime) -> None:
        """Take off what these units contributed and put this on, unless a newer version is there. One of a unit at most."""

    async def hold(self, tx: Transaction, holdings: Sequence[Holding], since: datetime) -> None:
        """Keep what is held of these units, unless a newer version is there, and count it in their figures. One of a unit at most."""

    async def take_off(self, tx: Transaction, units: Sequence[UUID]) -> None:
        """Take off all that these units contributed: they are gone for good."""

    async def expire(self, tx: Transaction, limit: int) -> int:
        """Take off the values of contributions that are too old by the database's clock; gives how many were due."""

    async def next_expiry_in_seconds(self, tx: Transaction) -> float | None:
        """When the next contribution becomes too old; None when none will."""

    async def mark_parked(self, tx: Transaction, topic: str, units: Sequence[str], *, is_parked: bool) -> None:
        """Remember that an event of these units on this topic is parked, or no longer."""


@dataclass(frozen=True, slots=True)
class Sum:
    """A figure added up, and what was last published of it."""

    beds: FigureChangedV1
    said: str | None


class Touched(NamedTuple):
    """What is known of the facts behind a figure that is to be published."""

    late: float | None
    """Seconds since the oldest of them was recorded; None where only time touched it."""
    behind: float | None
    """Seconds since the newest of them was recorded."""
    traceparent: str | None
    """Of one of them, where traces are on."""


class Taken(NamedTuple):
    """Figures that were touched and are off the list now."""

    figures: Mapping[str, Touched]
    """Each with what is known of the facts that touched it."""
    leaves_some: bool
    """Others rest, and are on the list still."""


class Figures(Protocol):
    """The figures that are to be published."""

    async def take_dirty(self, tx: Transaction, resting: Sequence[str]) -> Taken:
        """Take the touched figures off the list, except those that rest; what is touched meanwhile is noted anew.

        They are locked, so that no other publisher says something older after us.
        """

    async def add_up(self, tx: Transaction, figures: Sequence[str]) -> Sequence[Sum]:
        """The sums over all partitions as they are committed now, in a statement after the one that locked them."""

    async def said(self, tx: Transaction, bodies: Mapping[str, str]) -> None:
        """Remember what was published."""

    async def note_all(self, tx: Transaction, keys: Sequence[str]) -> int:
        """Note every figure, and these beside those that are known, to be published whatever was said of it; gives how many."""

    async def recount(self, tx: Transaction) -> Sequence[str]:
        """The figures whose partials differ from a count of the units, or whose published body differs from their sum."""

    async def keep_recount(self, tx: Transaction, differing: Sequence[str]) -> None:
        """Keep the result for those who ask."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a hospital's unit said of one moment; `counts` is false when its newest revision says nothing for the feed."""

    unit_id: UUID
    report_id: UUID
    revision: int
    counts: bool
    day: date
    location_id: UUID
    care_type: CareType
    cohort: Cohort
    observed_at: datetime
    recorded_at: datetime
    occupied: int | None
    free: int | None


@dataclass(frozen=True, slots=True)
class Admission:
    """Patients admitted; `counts` is false when its newest revision says nothing for the feed."""

    flow_id: UUID
    revision: int
    counts: bool
    day: date
    location_id: UUID
    unit_id: UUID | None
    care_type: CareType
    cohort: Cohort
    count: int


@dataclass(frozen=True, slots=True)
class DayTold:
    """A day of the feed as it stands."""

    cells: Cells
    coverage: Mapping[str, Coverage]
    said_at: datetime


class Feed(Protocol):
    """The facts behind the daily feed, and what was said of each day."""

    async def record_observations(self, tx: Transaction, observations: Sequence[Observation]) -> None:
        """Keep these, the highest revision of each, work the touched days of their units out anew and note the days that changed."""

    async def record_admissions(self, tx: Transaction, admissions: Sequence[Admission]) -> None:
        """Keep these, the highest revision of each, and note the days that changed."""

    async def take_dirty(self, tx: Transaction, resting: Sequence[date]) -> Sequence[date]:
        """Take the touched days off the list, except those that rest."""

    async def restate(self, tx: Transaction, days: Sequence[date]) -> int:
        """Lock these days, add them up, and say what changed, appending it to the statements; gives how many changed."""

    async def read(self, tx: Transaction, days: Days) -> Mapping[date, DayTold]:
        """What is said of these days now; days of which nothing was ever said are left out."""

    async def registered(self, tx: Transaction) -> Mapping[str, Coverage]:
        """By cell: how many hospitals and units there are that could speak of it."""

    async def today(self, tx: Transaction) -> date:
        """The local day by the database's clock."""


@dataclass(frozen=True, slots=True, order=True)
class PlacementCell:
    """Where something that placement told is counted; `reason` is empty for all but declines."""

    day: date
    sector: Sector
    care_type: CareType
    cohort: Cohort
    vr: str
    roaz: str
    what: What
    reason: str
    partition: int


class PlacementCounts(Protocol):
    """What placement did, per local day, region, sector, care type and cohort."""

    async def add(self, tx: Transaction, cells: Sequence[PlacementCell], counts: Sequence[int], seconds: Sequence[int]) -> None:
        """Count so many more, and so many seconds from request to acceptance, in each of these cells, which are sorted."""

    async def read(self, tx: Transaction, days: Days, kind: Wanted) -> Sequence[PlacementDay]:
        """What happened on these days, at every level, in figures of this sector, care type and cohort."""

    async def today(self, tx: Transaction) -> date:
        """The local day by the database's clock."""
