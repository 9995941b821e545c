"""Count again: the counters of held places from the holds, and what should have gone on by itself."""

from dataclasses import asdict, dataclass
from typing import Protocol

import structlog

from placement.application.telemetry import AUDIT_DIFFERENCES

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Findings:
    """What is not as it should be; nothing is what everyone hopes for."""

    counters: int
    """Units whose counter differs from their holds."""
    overdue: int
    """Holds, and questions whether there is room, that should have ended a minute ago."""
    stuck: int
    """Requests that wait for nobody and for no time, or that seek a second place where there is room, or none where there is not."""
    marks: int
    """Units whose mark differs from what is parked of them."""

    @property
    def is_sound(self) -> bool:
        return not (self.counters or self.overdue or self.stuck or self.marks)


class Books(Protocol):
    """What the audit reads."""

    async def look(self) -> Findings: ...


@dataclass(frozen=True, slots=True)
class Audit:
    """Compares what is counted with what is there."""

    books: Books

    async def __call__(self) -> Findings:
        """What it found; also as a metric, and loudly when it is anything."""
        found = await self.books.look()
        AUDIT_DIFFERENCES.labels("counters").set(found.counters)
        AUDIT_DIFFERENCES.labels("overdue").set(found.overdue)
        AUDIT_DIFFERENCES.labels("stuck").set(found.stuck)
        AUDIT_DIFFERENCES.labels("marks").set(found.marks)
        if not found.is_sound:
            log.error("the books do not balance", **asdict(found))
        return found
