"""Show who can be asked for a place, best first, and why the others cannot."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from placement.domain.matching import Candidate, Exclusion, Ranking, rank, refusals
from placement.domain.request import Request
from placement.domain.unit import Unit


class Choice(Protocol):
    """The units of one care type, judged where they are stored: a country of them is too many to fetch."""

    async def suitable(self, request: Request, now: datetime) -> Sequence[Unit]:
        """Those that no reason speaks against."""

    async def left_out(self, request: Request, now: datetime) -> Mapping[Exclusion, int]:
        """How many others there are of this care type, each counted once, under its first reason."""

    async def unit(self, unit_id: UUID) -> Unit | None:
        """One, of whatever care type."""


@dataclass(frozen=True, slots=True)
class Explained:
    """What is to be said of one unit."""

    unit: Unit
    place: int | None
    """Where it stands among the candidates, the first being 1; None when it is none."""
    candidate: Candidate | None
    reasons: tuple[Exclusion, ...]


async def candidates(choice: Choice, request: Request, now: datetime) -> Ranking:
    """The candidates of a request, by the same ranking as the automatic search uses."""
    ranking = rank(request, await choice.suitable(request, now), now)
    # Nothing is left out here that the store let through, unless the two disagree: then it is better counted than hidden.
    left_out = Counter(ranking.left_out) + Counter(await choice.left_out(request, now))
    return Ranking(ranking.candidates, left_out)


async def explained(choice: Choice, request: Request, ranking: Ranking, unit_id: UUID, now: datetime) -> Explained | None:
    """Why this unit stands where it stands, or is no candidate; None when there is no such unit."""
    for place, candidate in enumerate(ranking.candidates, start=1):
        if candidate.unit.unit_id == unit_id:
            return Explained(candidate.unit, place, candidate, ())
    unit = await choice.unit(unit_id)
    return Explained(unit, None, None, refusals(request, unit, now)) if unit is not None else None
