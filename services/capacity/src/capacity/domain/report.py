"""A report: what one source said about one unit, true at one moment."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from capacity.domain import times
from capacity.domain.plausibility import breaks_a_rule
from capacity.domain.rules import Breach, RuleBroken
from contracts.capacity import FIGURE_FIELDS, Field_
from contracts.codes import ClosedReason, Source

RULE_MESSAGES: Mapping[Field_, str] = {
    "open": "open may not exceed total",
    "occupied": "occupied and reserved together may not exceed what is open",
    "reserved": "reserved may not exceed what is open",
}

_REASONS = {reason.value: reason for reason in ClosedReason}


@dataclass(frozen=True, slots=True)
class ClosedBecause:
    """Why places are closed, in the sender's words: null takes an earlier reason back."""

    sent: str | None

    @property
    def code(self) -> ClosedReason | None:
        """The code list's word; what it does not know is `ONBEKEND`, so that a new reason never costs us the report."""
        if self.sent is None:
            return None
        return _REASONS.get(self.sent, ClosedReason.ONBEKEND)


@dataclass(frozen=True, slots=True)
class Report:
    """An accepted fact: one revision of one report."""

    report_id: UUID
    revision: int
    is_retracted: bool
    unit_id: UUID
    source: Source
    observed_at: datetime
    figures: Mapping[Field_, int | None]
    """Only what the report states; a stated None is unknown, what is not stated keeps its value."""
    closed: ClosedBecause | None = None
    """None when the report says nothing about it."""
    includes_holds: tuple[UUID, ...] = ()
    is_confirmation: bool = False
    """Said by one tap that nothing changed: nobody counted anew."""

    @property
    def stated(self) -> tuple[Field_, ...]:
        return tuple(field for field in FIGURE_FIELDS if field in self.figures)

    @property
    def availability(self) -> int | None:
        """The free places by this report alone; None when it does not tell."""
        is_open, occupied, reserved = self.figures.get("open"), self.figures.get("occupied"), self.figures.get("reserved")
        if is_open is None or occupied is None or reserved is None:
            return None
        return is_open - occupied - reserved

    def counts_one_of(self, *fields: Field_) -> bool:
        """Whether somebody looked and counted at least one of these; that a number is unknown is no count."""
        return not self.is_confirmation and any(self.figures.get(field) is not None for field in fields)


@dataclass(frozen=True, slots=True)
class SentReport:
    """A report as it was sent, before its time is judged."""

    report_id: UUID
    revision: int
    is_retracted: bool
    unit_id: UUID
    source: Source
    observed_at: datetime | None
    age_seconds: float | None
    figures: Mapping[Field_, int | None]
    closed: ClosedBecause | None = None
    includes_holds: tuple[UUID, ...] = ()

    def received(self, at: datetime) -> Report:
        """The fact that this becomes when received then.

        Raises:
            RuleBroken: its time cannot be, or what it states contradicts itself.
        """
        if self.observed_at is not None:
            observed_at = times.judged(self.observed_at, at, self.source, pointer="/observed_at")
        else:
            observed_at = times.judged(at - timedelta(seconds=self.age_seconds or 0), at, self.source, pointer="/age_seconds")
        broken = None if self.is_retracted else breaks_a_rule(self.figures)
        if broken is not None:
            raise RuleBroken("implausible", "The figures contradict each other.", Breach(f"/{broken}", RULE_MESSAGES[broken]))
        return Report(
            report_id=self.report_id,
            revision=self.revision,
            is_retracted=self.is_retracted,
            unit_id=self.unit_id,
            source=self.source,
            observed_at=observed_at,
            figures=self.figures,
            closed=self.closed,
            includes_holds=self.includes_holds,
        )

    def digest(self) -> bytes:
        """Tells whether the same revision was sent with another content, whatever the order of its fields.

        It is taken from what was sent, not from the judged time: the same `age_seconds` a minute later is the same body.
        """
        content = (
            self.is_retracted,
            self.unit_id.int,
            self.source.value,
            self.observed_at.timestamp() if self.observed_at else None,
            self.age_seconds,
            tuple((field, self.figures[field]) for field in FIGURE_FIELDS if field in self.figures),
            (self.closed.sent,) if self.closed else None,
            tuple(hold.int for hold in self.includes_holds),
        )
        return hashlib.blake2b(repr(content).encode(), digest_size=16).digest()
