"""One unit's day: who comes, who leaves and what its figures are at any moment. Pure.

Each day is drawn from the seed, the unit and the date alone, and begins with the number of patients with which the day before
ended. So nothing has to be remembered: after a restart the world goes on where it would have been.
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from contracts.codes import CareType
from simulator.chance import seeded
from simulator.world import Unit

LOCAL = ZoneInfo("Europe/Amsterdam")
SECONDS_A_DAY = 86_400

# Relative numbers of patients by hour of the day. Wards empty after the morning round and fill in the afternoon and evening;
# an emergency department is busiest between ten and ten.
_DISCHARGES = (2, 1, 1, 1, 1, 1, 2, 4, 10, 18, 24, 26, 16, 10, 8, 6, 5, 4, 3, 2, 2, 1, 1, 1)
_ADMISSIONS = (3, 2, 2, 2, 2, 2, 3, 4, 6, 8, 10, 11, 13, 16, 18, 18, 17, 15, 13, 11, 9, 7, 5, 3)
_EMERGENCIES = (5, 4, 3, 3, 3, 3, 4, 6, 9, 13, 16, 17, 17, 17, 17, 17, 17, 17, 16, 15, 13, 11, 9, 7)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a unit states."""

    total: int
    open: int
    occupied: int
    reserved: int


@dataclass(frozen=True, slots=True)
class Move:
    """A patient who comes (+1) or leaves (-1)."""

    at: datetime
    change: int
    index: int
    """The place of this move in its day: with unit and day it is the move's identity."""


@dataclass(frozen=True, slots=True)
class UnitDay:
    """A unit's local day."""

    total: int
    open: int
    reserved: int
    occupied_at_start: int
    moves: tuple[Move, ...]
    """In order of time."""

    def figures(self, at: datetime) -> Figures:
        done = bisect_right(self.moves, at, key=lambda move: move.at)
        occupied = self.occupied_at_start + sum(move.change for move in self.moves[:done])
        return Figures(self.total, self.open, occupied, self.reserved)


# Two days of the whole country: the one that goes on and, around midnight, its neighbour.
@lru_cache(maxsize=16_000)
def unit_day(seed: int, speed: float, unit: Unit, day: date) -> UnitDay:
    """This unit's day; `speed` multiplies how many patients come and go."""
    room = _room(seed, unit, day)
    start, end = _at_midnight(seed, unit, day), _at_midnight(seed, unit, day + timedelta(days=1))
    random = seeded(seed, unit.external_id, day, "moves")
    expected = unit.beds * unit.turnover * speed
    arrivals = int(expected * random.uniform(0.7, 1.3) + random.random())
    # As many leave as must, so that the day ends where the next begins.
    arrivals = max(arrivals, end - start)
    departures = arrivals + start - end

    rhythm_in, rhythm_out = (_EMERGENCIES, _EMERGENCIES) if unit.care_type is CareType.SEH else (_ADMISSIONS, _DISCHARGES)
    drawn = [(_second(random.choices(range(24), rhythm_in)[0], random.random()), 1) for _ in range(arrivals)]
    drawn += [(_second(random.choices(range(24), rhythm_out)[0], random.random()), -1) for _ in range(departures)]
    midnight = datetime.combine(day, time(), LOCAL)
    moves = tuple(
        Move(midnight + timedelta(seconds=second), change, index)
        for index, (second, change) in enumerate(_within_bounds(sorted(drawn), start, room.limit))
    )
    return UnitDay(unit.beds, room.open, room.reserved, start, moves)


def figures_at(seed: int, speed: float, unit: Unit, at: datetime) -> Figures:
    """What the unit would state at this moment."""
    return unit_day(seed, speed, unit, at.astimezone(LOCAL).date()).figures(at)


def moves_between(seed: int, speed: float, unit: Unit, after: datetime, until: datetime) -> list[tuple[date, Move]]:
    """Who came and left after one moment, up to and including another, with the local day to which each move belongs."""
    day, last = after.astimezone(LOCAL).date(), until.astimezone(LOCAL).date()
    found: list[tuple[date, Move]] = []
    while day <= last:
        found += [(day, move) for move in unit_day(seed, speed, unit, day).moves if after < move.at <= until]
        day += timedelta(days=1)
    return found


@dataclass(frozen=True, slots=True)
class _Room:
    open: int
    reserved: int

    @property
    def limit(self) -> int:
        """So many patients may lie here."""
        return self.open - self.reserved


def _room(seed: int, unit: Unit, day: date) -> _Room:
    """How many beds are staffed this day, and how many the provider keeps for patients it expects."""
    random = seeded(seed, unit.external_id, day, "room")
    closed = random.choice((0, 0, 0, 1, 1, 2, unit.beds // 8)) if unit.beds > 2 else 0  # noqa: PLR2004 - a unit of two beds is open or not there
    open_ = max(1, unit.beds - closed)
    reserved = random.choice((0, 0, 0, 0, 1, 1, 2)) if open_ > 4 else 0  # noqa: PLR2004 - so small a unit keeps nothing apart
    return _Room(open_, reserved)


def _at_midnight(seed: int, unit: Unit, day: date) -> int:
    """How many patients lie here when the day begins: no more than this day and the one before have room for."""
    limit = min(_room(seed, unit, day).limit, _room(seed, unit, day - timedelta(days=1)).limit)
    low, high = (0.15, 0.5) if unit.care_type is CareType.SEH else (0.72, 0.96)
    usual = seeded(seed, unit.external_id, "usual").uniform(low, high)
    share = usual + seeded(seed, unit.external_id, day, "midnight").uniform(-0.04, 0.04)
    return round(limit * min(max(share, 0), 1))


def _second(hour: int, within: float) -> int:
    return int((hour + within) * 3600)


def _within_bounds(drawn: list[tuple[int, int]], start: int, limit: int) -> list[tuple[int, int]]:
    """Let a patient for whom there is no bed wait until one is left, and nobody leave who has not come.

    Start and end of the day lie within the bounds, so that everyone who waits is served on the same day.
    """
    placed: list[tuple[int, int]] = []
    occupied, waiting_in, waiting_out = start, 0, 0
    for second, change in drawn:
        if change > 0:
            waiting_in += 1
        else:
            waiting_out += 1
        while (waiting_in and occupied < limit) or (waiting_out and occupied > 0):
            step = 1 if waiting_in and occupied < limit else -1
            occupied += step
            waiting_in, waiting_out = (waiting_in - 1, waiting_out) if step > 0 else (waiting_in, waiting_out - 1)
            placed.append((second, step))
    return placed
