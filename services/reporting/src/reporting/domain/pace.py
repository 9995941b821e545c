"""How often one thing may be said: the first time at once, then not before it has rested."""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

_BACKLOG_SECONDS = 0.5
_ROUND_OF_A_BACKLOG = 100
_PAUSE_PER_FIGURE_SECONDS = 0.001

Thing = TypeVar("Thing", bound=Hashable)


class Pace(Generic[Thing]):
    """Remembers what was just said; the caller brings the time, in seconds of any clock that only goes on."""

    def __init__(self, rest_seconds: float) -> None:
        """Each thing rests so long."""
        self._rest_seconds = rest_seconds
        self._rested_at: dict[Thing, float] = {}

    def said(self, things: Iterable[Thing], now: float) -> None:
        """These were said now."""
        until = now + self._rest_seconds
        for thing in things:
            self._rested_at[thing] = until

    def resting(self, now: float) -> list[Thing]:
        """What must not be said yet."""
        self._rested_at = {thing: until for thing, until in self._rested_at.items() if until > now}
        return list(self._rested_at)

    def next_in_seconds(self, now: float) -> float | None:
        """When the first of those that rest has rested; None when nothing rests."""
        return min((until - now for until in self._rested_at.values() if until > now), default=None)


def pause_after_seconds(figures: int, behind_seconds: float | None) -> float:
    """How long to wait after a round that said so many figures, when those who read the facts lag so far behind.

    Saying every step of a backlog cost its readers a third of their pace, and nobody sees each of many changes in one second: so the
    larger the round, the more changes the next one takes together. Only of a backlog: when a whole country reports and the readers keep
    up, one late round touches as many figures, and a pause after it would make the next one as large, for good.
    """
    if behind_seconds is not None and behind_seconds < _BACKLOG_SECONDS:
        return 0.0
    return max(0, figures - _ROUND_OF_A_BACKLOG) * _PAUSE_PER_FIGURE_SECONDS
