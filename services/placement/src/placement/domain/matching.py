"""Which units may take a patient, and which of them to ask first; every unit that may not has a reason.

What decides here is what the patient needs, whether there is a place, how near it is and how sure we are of it. Whose client somebody
is, a CIZ indication, age, disability or the chance of survival decide nothing and are not known here. How urgent a request is, and how
long it has waited, decides which request goes first, and is the same for all candidates of one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from operator import attrgetter
from typing import Final, NamedTuple, Self

from contracts.codes import CareType
from contracts.geography import Place
from placement.domain.distance import Nearness, nearness
from placement.domain.request import Request
from placement.domain.unit import Unit


class Exclusion(StrEnum):
    """Why a unit is no candidate, in the order in which the reasons are looked at."""

    ANDER_ZORGTYPE = "ANDER_ZORGTYPE"
    ANDERE_REGIO = "ANDERE_REGIO"
    ANDER_COHORT = "ANDER_COHORT"
    ISOLATIE = "ISOLATIE"
    ZUURSTOF = "ZUURSTOF"
    WZD = "WZD"
    LIFT = "LIFT"
    NACHTZORG = "NACHTZORG"
    PALLIATIEF = "PALLIATIEF"
    AL_GEVRAAGD = "AL_GEVRAAGD"
    GESLOTEN = "GESLOTEN"
    ONBEKEND = "ONBEKEND"
    VEROUDERD = "VEROUDERD"
    GEEN_PLEK = "GEEN_PLEK"


OXYGEN: Final = "oxygen_l_min"

YES_OR_NO: Final[Mapping[str, Exclusion]] = {
    "isolation": Exclusion.ISOLATIE,
    "wzd": Exclusion.WZD,
    "lift": Exclusion.LIFT,
    "night_nursing": Exclusion.NACHTZORG,
    "palliative": Exclusion.PALLIATIEF,
}
"""The needs that a unit meets or does not."""

NEVER_OFFERED: Final = frozenset({Exclusion.ANDER_ZORGTYPE, Exclusion.ANDER_COHORT, Exclusion.ZUURSTOF, *YES_OR_NO.values()})
"""Reasons about the care itself, which no coordinator can set aside; a region or an earlier answer is theirs to judge."""

_BY_NATURE: Final[Mapping[CareType, frozenset[str]]] = {
    CareType.HOSPICE: frozenset({"palliative"}),
    CareType.ELV_PALLIATIEF: frozenset({"palliative"}),
    CareType.WZD_PLEK: frozenset({"wzd"}),
}
"""What such a place offers by being one, so that nobody has to state it twice."""

# The points. A fresh figure nearby beats a large ward that nobody has confirmed since yesterday: a phone call to a full ward costs the
# nurse more than ten kilometres cost the patient. And a patient stays in the own region, where the family is, unless the places there are
# both old news and nearly gone.
_NEARNESS: Final[Mapping[Nearness, float]] = {
    Nearness.GEMEENTE: 40.0,
    Nearness.VEILIGHEIDSREGIO: 30.0,
    Nearness.ROAZ: 20.0,
    Nearness.BUURREGIO: 10.0,
    Nearness.ELDERS: 0.0,
}
_FRESHNESS: Final = 30.0
_FAIR_SHARE: Final = 20.0
_ROOM: Final = 10.0

# More free places than these make a unit no better: it only has to be likely that one is still free when the patient comes.
_ENOUGH_ROOM: Final = 5


class Candidate(NamedTuple):
    """A unit that may take the patient, and what speaks for it."""

    unit: Unit
    nearness: Nearness
    freshness: float
    """Points, as all that follow."""
    fair_share: float
    room: float
    score: float
    draw: bytes
    """Decides between equal scores: the same for everyone who looks at this request, another for the next, so that the same unit is not
    always the first."""

    @property
    def parts(self) -> Mapping[str, float]:
        """Points by what they are for; together they are the score."""
        return {"nearness": _NEARNESS[self.nearness], "freshness": self.freshness, "fair_share": self.fair_share, "room": self.room}

    @property
    def order(self) -> tuple[float, bytes]:
        """Best first."""
        return (-self.score, self.draw)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Who can be asked, best first, and how many cannot, each counted once, under its first reason."""

    candidates: tuple[Candidate, ...]
    left_out: Mapping[Exclusion, int]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a request wants, put together once: a list of candidates is made of hundreds of units."""

    request: Request
    case: bytes
    place: Place
    features: frozenset[str]
    oxygen: float

    @classmethod
    def by(cls, request: Request) -> Self:
        place = Place(request.municipality, request.region, request.roaz)
        return cls(request, request.case_id.bytes, place, needed_features(request), needed_oxygen(request))


def rank(request: Request, units: Iterable[Unit], now: datetime) -> Ranking:
    """Order the units that may take this patient, best first, each with the reasons for its place."""
    wanted = _Wanted.by(request)
    candidates = []
    left_out: Counter[Exclusion] = Counter()
    for unit in units:
        available = unit.available(now)
        if reasons := _refusals(wanted, unit, available, now):
            left_out[reasons[0]] += 1
        else:
            candidates.append(_scored(wanted, unit, available or 0, now))
    return Ranking(tuple(sorted(candidates, key=attrgetter("order"))), dict(left_out))


def refusals(request: Request, unit: Unit, now: datetime) -> tuple[Exclusion, ...]:
    """Every reason why this unit cannot be asked; none when it can."""
    return tuple(_refusals(_Wanted.by(request), unit, unit.available(now), now))


def is_where_wanted(request: Request, vr: str, roaz: str) -> bool:
    """Whether a place there would be in a region where the request looks by now."""
    # LCPS looks in the whole country. A unit of which only a VR that straddles ROAZ regions is known still lies in that VR.
    return request.is_escalated or vr == request.region or roaz in request.looked_in


def needed_oxygen(request: Request) -> float:
    """Litres a minute; 0 when none is needed."""
    return _litres(request.needs)


def needed_features(request: Request) -> frozenset[str]:
    """What a unit must state that it offers; not what every place of this care type offers by nature."""
    needed = frozenset([name for name, value in request.needs.items() if value is True and name in YES_OR_NO])
    return needed - _BY_NATURE.get(request.care_type, frozenset())


def _refusals(wanted: _Wanted, unit: Unit, available: int | None, now: datetime) -> list[Exclusion]:
    request = wanted.request
    reasons = []
    if unit.care_type is not request.care_type:
        reasons.append(Exclusion.ANDER_ZORGTYPE)
    if not is_where_wanted(request, unit.vr, unit.roaz):
        reasons.append(Exclusion.ANDERE_REGIO)
    if unit.cohort is not request.cohort:
        reasons.append(Exclusion.ANDER_COHORT)
    reasons += [YES_OR_NO[name] for name in wanted.features if unit.features.get(name) is not True]
    if wanted.oxygen > 0 and _litres(unit.features) < wanted.oxygen:
        reasons.append(Exclusion.ZUURSTOF)
    if unit.unit_id in request.asked_units:
        reasons.append(Exclusion.AL_GEVRAAGD)
    if not available:
        reasons.append(_why_no_place(unit, now))
    # The order of the list is that of the enumeration, which the counts by first reason go by.
    return [reason for reason in Exclusion if reason in reasons] if len(reasons) > 1 else reasons


def _litres(stated: Mapping[str, bool | float | str]) -> float:
    litres = stated.get(OXYGEN, 0)
    return float(litres) if isinstance(litres, int | float) and not isinstance(litres, bool) else 0.0


def _why_no_place(unit: Unit, now: datetime) -> Exclusion:
    """Why nothing can be given there; an unknown or old figure is never free, whatever it said."""
    if unit.is_closed:
        return Exclusion.GESLOTEN
    if unit.free is None or unit.fresh_until is None or unit.is_parked:
        return Exclusion.ONBEKEND
    return Exclusion.GEEN_PLEK if unit.is_fresh(now) else Exclusion.VEROUDERD


def _scored(wanted: _Wanted, unit: Unit, available: int, now: datetime) -> Candidate:
    near = nearness(wanted.place, unit)
    freshness = round(_FRESHNESS * _life_left(unit, now), 1)
    # What is held there already is a question that is still open or a patient on the way: then others are asked first.
    fair_share = round(_FAIR_SHARE * available / max(available, unit.free or 0), 1)
    room = round(_ROOM * min(available, _ENOUGH_ROOM) / _ENOUGH_ROOM, 1)
    score = round(_NEARNESS[near] + freshness + fair_share + room, 1)
    draw = blake2b(wanted.case + unit.unit_id.bytes, digest_size=16).digest()
    return Candidate(unit, near, freshness, fair_share, room, score, draw)


def _life_left(unit: Unit, now: datetime) -> float:
    """How far the figure is from being too old: 1 when just observed, 0 when it ends."""
    if unit.observed_at is None or unit.fresh_until is None:
        return 0.0
    life = unit.fresh_until - unit.observed_at
    return max(0.0, min(1.0, (unit.fresh_until - now) / life)) if life > timedelta() else 0.0
