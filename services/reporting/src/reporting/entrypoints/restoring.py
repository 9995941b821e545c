"""What reporting does after its database was restored to an earlier point: all that it tells is made of what it reads again."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from chassis.database.sql import Database
from chassis.messaging.reading import Received
from chassis.restoring.restored import Published, TakenBack
from contracts.reporting import NATIONAL
from contracts.topic import Topic
from reporting.application.ports import Figures
from reporting.domain.figure import is_figure


@dataclass(frozen=True, slots=True)
class ReportingRestoring:
    """Every figure goes out again; one that the topic has and the database has not goes out without units."""

    figures: Figures
    tagged: ClassVar[Collection[str]] = ()
    read_first: ClassVar[Collection[Topic]] = ()

    async def take_back(self, database: Database, forgotten: Sequence[Received[Any]]) -> TakenBack:  # noqa: ARG002  its port
        """It has no history of its own on Kafka."""
        return TakenBack()

    async def publish_again(self, database: Database, told: Mapping[str, Collection[str]]) -> Published:
        """Noted for the publisher, which says them as soon as the worker starts."""
        async with database.begin() as tx:
            figures = await self.figures.note_all(tx, sorted(key for key in told[NATIONAL.name] if is_figure(key)))
        return Published({NATIONAL.name: figures})
