"""Touched figures go out: each at most every 20 ms, the first change at once, the last one always."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import NamedTuple

from chassis.database.sql import Database
from chassis.observability.trace_context import going_on
from contracts.reporting import NATIONAL
from reporting.application.ports import Figures
from reporting.application.telemetry import BOARD_SECONDS, FIGURES_PUBLISHED
from reporting.domain.pace import Pace

REST_SECONDS = 0.02


class Round(NamedTuple):
    """What one round of the publisher found."""

    figures: int
    """So many were taken off the list."""
    behind_seconds: float | None
    """How old the newest fact among them is: so far those lag who read the facts. None where only time touched them."""
    leaves_some: bool
    """Others were touched that still rest."""


@dataclass(frozen=True, slots=True)
class PublishFigures:
    """One round of the publisher; one process does this at a time."""

    database: Database
    figures: Figures
    clock: Callable[[], float]
    pace: Pace[str] = field(default_factory=lambda: Pace(REST_SECONDS))

    async def __call__(self) -> Round:
        """Publish what was touched and has rested.

        Nothing waits in memory: what rests stays on the list, and what is touched while we add up is noted anew.
        """
        async with self.database.begin() as tx:
            taken, leaves_some = await self.figures.take_dirty(tx, self.pace.resting(self.clock()))
            taken_at = perf_counter()
            if not taken:
                return Round(0, None, leaves_some)
            bodies: dict[str, str] = {}
            totals = await self.figures.add_up(tx, list(taken))
            with going_on({figure: touched.traceparent for figure, touched in taken.items()}):
                for total in totals:
                    body = total.beds.body().decode()
                    # A change that was undone within the same 20 ms, or that a rebuild makes again, is no news.
                    if body != total.said:
                        bodies[total.beds.subject] = body
                        tx.publish(NATIONAL, total.beds, key=total.beds.subject)
            if bodies:
                await self.figures.said(tx, bodies)
        FIGURES_PUBLISHED.inc(len(bodies))
        for figure in bodies:
            if (late := taken[figure].late) is not None:
                BOARD_SECONDS.observe(late + perf_counter() - taken_at)
        self.pace.said(bodies, self.clock())
        behind = min((touched.behind for touched in taken.values() if touched.behind is not None), default=None)
        return Round(len(taken), behind, leaves_some)
