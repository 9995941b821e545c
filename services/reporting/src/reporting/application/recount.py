"""Count again from the units: that regions add up to the country does not show a change that was lost in both."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from chassis.database.sql import Database
from reporting.application.ports import Figures

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Recount:
    """Compares the partials with the units, and what was published with the partials."""

    database: Database
    figures: Figures

    async def __call__(self) -> Sequence[str]:
        """The keys of the figures that differ; none is what everyone hopes for."""
        async with self.database.begin() as tx:
            differing = await self.figures.recount(tx)
            await self.figures.keep_recount(tx, differing)
        if differing:
            log.error("figures differ from a recount of their units", count=len(differing), figures=differing[:20])
        return differing
