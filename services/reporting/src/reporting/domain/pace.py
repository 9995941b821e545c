"""How often one thing may be said: the first time at once, then not before it has rested."""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

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


def pause_after_seconds(figures: int) -> float:
    """How long to wait after a round that said so many figures.

    A round beyond a hundred works off a backlog. Saying every step of it cost the readers of the backlog a third of their pace, and nobody
    sees each of many changes in one second: so the larger the round, the more changes the next one takes together.
    """
    return max(0, figures - _ROUND_OF_A_BACKLOG) * _PAUSE_PER_FIGURE_SECONDS
