"""The rhythm of the country: which provider sends what, and when. Pure: the same seed, speed and moments give the same stream.

A sitting is one provider telling how it stands: a hospital's record system that is read every few minutes, a planner who types
the figures twice a shift. Real life is in it too: homes that stopped reporting, half reports, a phone call that says something
else, a report that cannot be true and one that is sent twice.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import NAMESPACE_URL, UUID, uuid5

from contracts.codes import CareType, ClosedReason, Destination, FlowKind, Sector, Source
from simulator.chain.guests import Guests
from simulator.chance import seeded
from simulator.patients import Figures, Move, figures_at, moves_between
from simulator.world import Location, Unit, World

IDS = uuid5(NAMESPACE_URL, "urn:nl:zorgcoordinatie:simulator")
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)

# Record systems are read about every five minutes, as LPZ does today.
FEED_SECONDS = 240.0
# A planner's figures must come again within 12 hours, a hospital's within the hour; a slower SPEED never makes them late.
PLANNER_SECONDS = (3 * 3600.0, 9 * 3600.0)
SLOWEST_FEED_SECONDS = 2_400.0
SLOWEST_PLANNER_SECONDS = 39_600.0
FASTEST_SECONDS = 2.0

# Of a thousand locations, so many stopped reporting some time ago, and so many never began.
STOPPED_PER_MILLE = 25
SILENT_PER_MILLE = 10
# The two hospitals whose connection is down, by their place in the list.
BROKEN_CONNECTIONS = frozenset({31, 58})

# How many organisations put their reports on Kafka themselves.
KAFKA_ORGANISATIONS = 3

# One sitting in so many has this in it.
ONE_IN_HALF = 12
ONE_IN_PHONE_CALL = 400
ONE_IN_IMPOSSIBLE = 300
ONE_IN_AGAIN = 150
ONE_IN_CORRECTION = 400

# A ward says that a patient may leave this long before they do, when a place elsewhere has to be found.
READY_BEFORE = timedelta(hours=4)

Fact = dict[str, object]
"""A report or flow as the API takes it, except that `unit` and `location` are external ids that the sender replaces."""


@dataclass(frozen=True, slots=True)
class Sitting:
    """What one provider sends at one moment."""

    at: datetime
    location: Location
    reports: tuple[Fact, ...]
    """Belong together: one list, taken whole or not at all."""
    lone: tuple[Fact, ...]
    """Sent one by one."""
    flows: tuple[Fact, ...]
    is_twice: bool
    """The sender did not hear the answer and sends its reports again."""


@dataclass(frozen=True, slots=True)
class _Rhythm:
    # Whole microseconds: with fractions a tick that is asked about itself may turn out to lie just ahead.
    every: timedelta
    phase: timedelta

    def last_before(self, at: datetime) -> datetime:
        """The newest tick at or before this moment."""
        return EPOCH + self.phase + (at - EPOCH - self.phase) // self.every * self.every

    def next_after(self, at: datetime) -> datetime:
        return self.last_before(at) + self.every


class Day:
    """The stream of sittings from a moment on. `due` must be called with a clock that does not go back."""

    def __init__(self, world: World, speed: float, start: datetime, guests: Guests | None = None) -> None:
        self._world = world
        self._speed = speed
        self._start = start
        self._guests = guests or Guests()
        self._rhythms = {location.external_id: _rhythm(world.seed, speed, location) for location in world.locations}
        self._told_until = {location.external_id: start for location in world.locations}
        self._silent, self._stopped = _not_reporting(world)
        self._queue = [
            (self._rhythms[location.external_id].next_after(start), number)
            for number, location in enumerate(world.locations)
            if location.external_id not in self._silent | self._stopped
        ]
        self._locations = world.locations
        heapq.heapify(self._queue)

    def first_reports(self) -> Iterator[Fact]:
        """How every unit stands at the start: what each provider said last, with its age."""
        for location in self._locations:
            if location.external_id in self._silent:
                continue
            observed_at = self._rhythms[location.external_id].last_before(self._start)
            if location.external_id in self._stopped:
                limit_hours = 1 if location.sector is Sector.ZIEKENHUIS else 12
                hours = seeded(self._world.seed, location.external_id, "stopped").uniform(0.7, 1.6) * limit_hours
                observed_at = self._start - timedelta(hours=hours)
            yield from (self._report(location, unit, observed_at) for unit in location.units)

    def first_flows(self, since: datetime) -> Iterator[Fact]:
        """Who came and left between a moment and the start: while nobody was sending, or just before."""
        for location in self._locations:
            if location.external_id not in self._silent | self._stopped:
                yield from self._flows(location, since, self._start)

    def next_at(self) -> datetime:
        """When the next sitting is due."""
        return self._queue[0][0]

    def due(self, now: datetime) -> Iterator[Sitting]:
        """The sittings due by now. A provider that missed several tells how it stands now, and all flows since."""
        while self._queue and self._queue[0][0] <= now:
            _, number = self._queue[0]
            location = self._locations[number]
            rhythm = self._rhythms[location.external_id]
            at = rhythm.last_before(now)
            heapq.heapreplace(self._queue, (rhythm.next_after(at), number))
            yield self._sitting(location, at)

    def report_now(self, location: Location, unit: Unit, at: datetime, includes_holds: Sequence[str]) -> Fact:
        """How a unit stands after a patient came who had a place held, which the report names when it says so."""
        return self._report(location, unit, at) | ({"includes_holds": list(includes_holds)} if includes_holds else {})

    def stream(self, until: datetime) -> Iterator[Sitting]:
        """Every sitting up to a moment, each at its time."""
        while self.next_at() <= until:
            yield from self.due(self.next_at())

    def _sitting(self, location: Location, at: datetime) -> Sitting:
        random = seeded(self._world.seed, location.external_id, at.isoformat())
        since, self._told_until[location.external_id] = self._told_until[location.external_id], at
        flows = tuple(self._flows(location, since, at))

        if location.source is Source.PLANNER:
            # Typed on a phone whose clock is not to be trusted: it tells how long ago it was.
            reports: tuple[Fact, ...] = ()
            lone = [_by_age(self._report(location, unit, at), random.randint(0, 240)) for unit in location.units]
        else:
            is_half = location.sector is not Sector.ZIEKENHUIS and _one_in(random, ONE_IN_HALF)
            reports = tuple(self._report(location, unit, at, is_half=is_half) for unit in location.units)
            lone = []

        lone += self._mishaps(location, at, reports, random)
        return Sitting(at, location, reports, tuple(lone), flows, _one_in(random, ONE_IN_AGAIN))

    def _mishaps(self, location: Location, at: datetime, reports: tuple[Fact, ...], random: Random) -> Iterator[Fact]:
        unit = random.choice(location.units)
        if location.sector is Sector.VVT and _one_in(random, ONE_IN_PHONE_CALL):
            # Somebody phones, and counts differently from the record system.
            told = self._report(location, unit, at, source=Source.TELEFOON)
            yield {**told, "occupied": _other_count(told, random)}
        if _one_in(random, ONE_IN_IMPOSSIBLE):
            told = self._report(location, unit, at, source=Source.PLANNER)
            yield {**told, "report_id": _id(told, "impossible"), "occupied": unit.beds + 5}
        if reports and _one_in(random, ONE_IN_CORRECTION):
            wrong = random.choice(reports)
            yield {**wrong, "revision": 1, "occupied": _other_count(wrong, random)}

    def _report(self, location: Location, unit: Unit, at: datetime, *, source: Source | None = None, is_half: bool = False) -> Fact:
        source = source or location.source
        figures = figures_at(self._world.seed, self._speed, unit, at)
        # A guest for whom there is no bed after all lies in another's: a report never breaks the rule of what fits.
        occupied = min(figures.occupied + self._guests.at(unit.external_id, at), figures.open - figures.reserved)
        said: Fact = {"unit": unit.external_id, "source": source.value, "observed_at": at.isoformat(), "occupied": occupied}
        if not is_half:
            said |= {"total": figures.total, "open": figures.open, "reserved": figures.reserved}
            if figures.open < figures.total:
                said["closed_reason"] = _closed_reason(figures).value
        return {"report_id": _id(said), **said}

    def _flows(self, location: Location, after: datetime, until: datetime) -> Iterator[Fact]:
        for unit in location.units:
            for day, move in moves_between(self._world.seed, self._speed, unit, after, until):
                yield self._flow(location, unit, day, move)
            if unit.care_type is CareType.KLINIEK:
                yield from self._ready_for_discharge(location, unit, after, until)

    def _flow(self, location: Location, unit: Unit, day: date, move: Move) -> Fact:
        kind, destination = _kind_of(unit, move, seeded(self._world.seed, unit.external_id, day, move.index))
        # A transfer names the unit that is entered: the ward of the same cohort.
        named = (
            next(ward for ward in location.units if ward.care_type is CareType.KLINIEK and ward.cohort is unit.cohort)
            if kind is FlowKind.OVERPLAATSING
            else unit
        )
        flow: Fact = {
            "source": location.source.value,
            "location": location.external_id,
            "unit": named.external_id,
            "kind": kind.value,
            "care_type": named.care_type.value,
            "cohort": named.cohort.value,
            "occurred_at": move.at.isoformat(),
        }
        if destination is not None:
            flow["destination"] = destination.value
        # Two patients may do the same in the same second: their number in the day tells them apart.
        return {"flow_id": _id(flow, unit.external_id, day, move.index), **flow}

    def _ready_for_discharge(self, location: Location, unit: Unit, after: datetime, until: datetime) -> Iterator[Fact]:
        for day, move in moves_between(self._world.seed, self._speed, unit, after + READY_BEFORE, until + READY_BEFORE):
            leaving = self._flow(location, unit, day, move)
            if leaving.get("destination") == Destination.VVT:
                ready_at = move.at.astimezone(UTC) - READY_BEFORE
                yield {
                    **leaving,
                    "flow_id": _id(leaving, "ready"),
                    "kind": FlowKind.ONTSLAGGEREED.value,
                    "occurred_at": ready_at.isoformat(),
                }


def kafka_organisations(world: World) -> tuple[str, ...]:
    """The organisations that put their reports on Kafka themselves: the first whose every home has a record system."""
    machines: dict[str, bool] = {}
    for home in world.nursing_homes:
        machines[home.organisation] = machines.get(home.organisation, True) and home.source is Source.ECD
    return tuple(organisation for organisation, is_whole in machines.items() if is_whole)[:KAFKA_ORGANISATIONS]


def addressed(fact: Fact, ids: Mapping[str, UUID]) -> Fact:
    """The fact as the API takes it: with the ids that the registry gave in place of external ids."""
    body = {name: value for name, value in fact.items() if name not in {"unit", "location"}}
    return body | {f"{name}_id": str(ids[str(fact[name])]) for name in ("unit", "location") if name in fact}


def _rhythm(seed: int, speed: float, location: Location) -> _Rhythm:
    random = seeded(seed, location.external_id, "rhythm")
    if location.source is Source.PLANNER:
        every, slowest = random.uniform(*PLANNER_SECONDS), SLOWEST_PLANNER_SECONDS
    else:
        every, slowest = FEED_SECONDS, SLOWEST_FEED_SECONDS
    every = min(max(every / speed, FASTEST_SECONDS), slowest)
    # Spread out, so that the country does not speak all at once.
    return _Rhythm(timedelta(seconds=every), timedelta(seconds=random.uniform(0, every)))


def _not_reporting(world: World) -> tuple[frozenset[str], frozenset[str]]:
    """Who never reported, and who stopped."""
    drawn = {home.external_id: seeded(world.seed, home.external_id, "reports").randrange(1000) for home in world.nursing_homes}
    silent = {home for home, lot in drawn.items() if lot < SILENT_PER_MILLE}
    stopped = {home for home, lot in drawn.items() if SILENT_PER_MILLE <= lot < SILENT_PER_MILLE + STOPPED_PER_MILLE}
    broken = {hospital.location.external_id for number, hospital in enumerate(world.hospitals) if number in BROKEN_CONNECTIONS}
    return frozenset(silent), frozenset(stopped | broken)


def _kind_of(unit: Unit, move: Move, random: Random) -> tuple[FlowKind, Destination | None]:
    if move.change > 0:
        return (FlowKind.SEH_AANKOMST if unit.care_type is CareType.SEH else FlowKind.OPNAME), None
    lot = random.random()
    match unit.care_type:
        case CareType.IC if lot < 0.75:  # noqa: PLR2004 - most who leave intensive care go to a ward of the same hospital
            return FlowKind.OVERPLAATSING, Destination.ZIEKENHUIS
        case CareType.IC:
            return FlowKind.ONTSLAG, Destination.OVERLEDEN if lot < 0.92 else Destination.ZIEKENHUIS  # noqa: PLR2004 - made-up share
        case CareType.SEH:
            # About a third of those who come to the emergency department are admitted; the ward tells of that itself.
            return FlowKind.ONTSLAG, Destination.ZIEKENHUIS if lot < 1 / 3 else Destination.THUIS
        case CareType.KLINIEK:
            return FlowKind.ONTSLAG, random.choices(
                (Destination.THUIS, Destination.THUIS_MET_ZORG, Destination.VVT, Destination.OVERLEDEN), (70, 15, 12, 3)
            )[0]
        case _:
            return FlowKind.ONTSLAG, random.choices((Destination.THUIS, Destination.THUIS_MET_ZORG, Destination.OVERLEDEN), (40, 40, 20))[0]


def _closed_reason(figures: Figures) -> ClosedReason:
    # Staff is the limit; a single bed is more often being cleaned.
    return ClosedReason.SCHOONMAAK if figures.total - figures.open == 1 else ClosedReason.PERSONEEL


def _other_count(told: Fact, random: Random) -> int:
    """Another number of patients that is just as possible."""
    occupied = int(str(told["occupied"]))
    # Fewer patients never break a rule; where there are none, the two agree after all.
    return max(0, occupied - random.randint(1, 2))


def _by_age(report: Fact, age_seconds: int) -> Fact:
    by_moment = {name: value for name, value in report.items() if name != "observed_at"}
    return by_moment | {"report_id": _id(report, "by age"), "age_seconds": age_seconds}


def _id(said: Fact, *about: object) -> str:
    """An id that follows from what is said: said again after a restart it counts once, and another figure never has the same id."""
    return str(uuid5(IDS, "/".join(map(str, (*said.items(), *about)))))


def _one_in(random: Random, many: int) -> bool:
    return random.randrange(many) == 0
