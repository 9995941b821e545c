"""How figures are printed: percentiles in milliseconds, and ratios to what the same machine does bare."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Latency:
    """A distribution of durations, in milliseconds."""

    count: int
    p50: float
    p99: float
    worst: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Latency":
        ordered = sorted(seconds)
        if not ordered:
            return cls(0, float("nan"), float("nan"), float("nan"))
        return cls(len(ordered), _at(ordered, 0.5), _at(ordered, 0.99), ordered[-1] * 1e3)

    def __str__(self) -> str:
        return f"p50 {self.p50:7.1f}  p99 {self.p99:7.1f}  max {self.worst:7.1f} ms  (n={self.count})"


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e3


def verdict(what: str, measured: float, limit: float, unit: str, *, at_least: bool = False) -> str:
    """One line: the figure, its limit and whether it holds."""
    holds = measured >= limit if at_least else measured <= limit
    return f"  {'holds' if holds else 'MISSED'}: {what} {measured:,.1f} {unit} ({'at least' if at_least else 'at most'} {limit:,.0f})"
