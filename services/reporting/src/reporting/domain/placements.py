"""What placement did, counted per local day: offers and their ends, admissions, releases, and the time to place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from reporting.domain.figure import Figure

MOST_DAYS = 31
"""At once: each day is a whole picture of some thousand figures."""


class What(StrEnum):
    """What can happen to an offer, and to the placement that it becomes."""

    OFFERED = "OFFERED"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    EXPIRED = "EXPIRED"
    WITHDRAWN = "WITHDRAWN"
    ADMITTED = "ADMITTED"
    RELEASED = "RELEASED"


@dataclass(frozen=True, slots=True)
class PlacementDay:
    """One local day of one figure; only days on which something happened exist, so a count that is 0 is known to be 0."""

    day: date
    figure: Figure
    counts: Mapping[What, int]
    declined_by_reason: Mapping[str, int]
    seconds_to_place: int
    """From request to acceptance, all acceptances together."""

    def count(self, what: What) -> int:
        return self.counts.get(what, 0)

    @property
    def mean_seconds_to_place(self) -> float | None:
        """None when nothing was accepted: there is no time to place then, which is not a short one."""
        accepted = self.count(What.ACCEPTED)
        return round(self.seconds_to_place / accepted, 1) if accepted else None


@dataclass(frozen=True, slots=True)
class Tally:
    """How often one thing happened in one figure on one day; `reason` is empty for all but declines."""

    day: date
    figure: Figure
    what: What
    reason: str
    count: int
    seconds: int


def days_of(tallies: Iterable[Tally]) -> list[PlacementDay]:
    """The tallies of each day and figure together, by day and figure."""
    together: dict[tuple[date, Figure], list[Tally]] = {}
    for tally in tallies:
        together.setdefault((tally.day, tally.figure), []).append(tally)
    return [_day(day, figure, together[day, figure]) for day, figure in sorted(together)]


def _day(day: date, figure: Figure, tallies: list[Tally]) -> PlacementDay:
    counts: dict[What, int] = {}
    for tally in tallies:
        counts[tally.what] = counts.get(tally.what, 0) + tally.count
    return PlacementDay(
        day=day,
        figure=figure,
        counts=counts,
        declined_by_reason={
            tally.reason: tally.count for tally in sorted(tallies, key=lambda one: one.reason) if tally.what is What.DECLINED
        },
        seconds_to_place=sum(tally.seconds for tally in tallies),
    )
