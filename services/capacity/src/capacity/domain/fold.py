"""From what each source said to one picture of a unit: always from stored facts, so that arrival order does not matter."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from uuid import UUID

from capacity.domain.plausibility import Caution, breaks_a_rule, jump
from capacity.domain.report import ClosedBecause, Report
from contracts.capacity import FIGURE_FIELDS, Field_
from contracts.codes import Source

PRECEDENCE: tuple[Source, ...] = tuple(Source)
"""EPD, ECD, PLANNER, TELEFOON, IMPORT: whose figures are shown while sources differ."""

SOURCES_DIFFER = "sources-differ"
RULE_BROKEN = "rule-broken"
DECLINED_AS_FULL = "declined-as-full"
FLOWS_BELOW_ZERO = "flows-below-zero"


@dataclass(frozen=True, slots=True)
class Statement:
    """Which report a value comes from, with all that decides between reports about the same moment."""

    observed_at: datetime
    availability: int | None
    report_id: UUID
    includes_holds: tuple[UUID, ...] = ()
    """Held places that this report's figures already contain, as its sender says."""

    @property
    def rank(self) -> tuple[datetime, float, int]:
        """Newest wins; at the same instant the lower availability, then the greater id.

        An availability that the report does not tell counts as the lowest, so that what is unknown never makes a place free. The
        order is total: that is why merging one by one gives the same as sorting all.
        """
        return self.observed_at, math.inf if self.availability is None else -self.availability, self.report_id.int


V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Said(Generic[V]):
    """The value that counts for one field of one source."""

    value: V
    by: Statement


@dataclass(frozen=True, slots=True)
class Voice:
    """What one source says: per field the value of its newest report that states it."""

    figures: Mapping[Field_, Said[int | None]]
    closed: Said[ClosedBecause] | None = None
    occupied_reported_at: datetime | None = None
    """The newest moment at which somebody counted the patients; a confirmation is no count."""
    places_reported_at: datetime | None = None
    """The newest moment at which somebody counted what makes places free or not: open, occupied or reserved."""

    def is_made_of(self, report_id: UUID) -> bool:
        """Whether anything this source says now comes from this report."""
        return any(said.by.report_id == report_id for said in self.figures.values()) or (
            self.closed is not None and self.closed.by.report_id == report_id
        )


Folded = Mapping[Source, Voice]
"""All that is known about a unit, however old; what is shown of it depends on the time of looking."""


def merged(folded: Folded, report: Report) -> Folded:
    """Add a report of which no other revision is in; any order of merging gives the same."""
    if report.is_retracted or not (report.figures or report.closed):
        return folded
    voice = folded.get(report.source, Voice(figures={}))
    by = Statement(report.observed_at, report.availability, report.report_id, report.includes_holds)
    figures = dict(voice.figures)
    for field, value in report.figures.items():
        held = figures.get(field)
        if held is None or by.rank > held.by.rank:
            figures[field] = Said(value, by)
    closed = voice.closed
    if report.closed is not None and (closed is None or by.rank > closed.by.rank):
        closed = Said(report.closed, by)
    return {
        **folded,
        report.source: Voice(
            figures=figures,
            closed=closed,
            occupied_reported_at=_later(voice.occupied_reported_at, report, "occupied"),
            places_reported_at=_later(voice.places_reported_at, report, "open", "occupied", "reserved"),
        ),
    }


def _later(known: datetime | None, report: Report, *fields: Field_) -> datetime | None:
    if not report.counts_one_of(*fields):
        return known
    return report.observed_at if known is None else max(known, report.observed_at)


def occupied_reported_at(folded: Folded) -> datetime | None:
    """When patients were last counted by somebody at the bedside; an import is somebody else's series."""
    moments = [voice.occupied_reported_at for source, voice in folded.items() if source is not Source.IMPORT]
    return max((moment for moment in moments if moment is not None), default=None)


def is_full(folded: Folded, full_since: datetime | None) -> bool:
    """Whether the unit was declined as full, and nobody has counted its places at a later moment."""
    if full_since is None:
        return False
    return all(voice.places_reported_at is None or voice.places_reported_at <= full_since for voice in folded.values())


def from_scratch(reports: Iterable[Report]) -> Folded:
    """The fold of all stored revisions: the highest of each report counts, unless it takes the report back."""
    highest: dict[UUID, Report] = {}
    for report in reports:
        held = highest.get(report.report_id)
        if held is None or report.revision > held.revision:
            highest[report.report_id] = report
    folded: Folded = {}
    for report in highest.values():
        folded = merged(folded, report)
    return folded


def warnings_about(folded: Folded, report: Report) -> tuple[Caution, ...]:
    """What to tell the sender, against what the same source said before this report came."""
    voice = folded.get(report.source)
    if voice is None or report.is_retracted:
        return ()
    found: list[Caution] = []
    for field, value in report.figures.items():
        before = voice.figures.get(field)
        if before is None or before.by.report_id == report.report_id:
            continue
        if before.by.observed_at == report.observed_at and before.value != value:
            found.append(
                Caution(
                    "same-instant",
                    field,
                    "Another report of this source about the same moment says otherwise; the lower availability counts.",
                )
            )
        elif before.by.observed_at < report.observed_at and (warning := jump(field, before.value, value)):
            found.append(warning)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Picture:
    """What is shown of a unit at one moment."""

    total: int | None = None
    open: int | None = None
    occupied: int | None = None
    reserved: int | None = None
    free: int | None = None
    closed: ClosedBecause | None = None
    closed_by: Source | None = None
    """Who gave the reason."""
    source: Source | None = None
    """The first in precedence of those whose figures are shown."""
    observed_at: datetime | None = None
    """The oldest observation behind the figures shown."""
    fresh_until: datetime | None = None
    """The earliest moment at which this picture changes by itself; None while nothing is known."""
    conflict: bool = False
    warnings: tuple[str, ...] = ()
    includes_holds: tuple[UUID, ...] = ()
    """Held places that these figures already contain."""
    sources: Mapping[Field_, Source] | None = None
    """Whose each figure is, for the confirmation that restates them."""

    def figure(self, field: Field_) -> int | None:
        value: int | None = getattr(self, field)
        return value

    def looks_like(self, other: "Picture") -> bool:
        """Whether people and readers would see the same figures."""
        return self.seen == other.seen

    def says_the_same_as(self, other: "Picture") -> bool:
        """Whether nothing that is told about it differs, its age included."""
        return self.looks_like(other) and (self.observed_at, self.fresh_until) == (other.observed_at, other.fresh_until)

    @property
    def seen(self) -> tuple[object, ...]:
        """What people and readers see of it."""
        figures = (self.total, self.open, self.occupied, self.reserved, self.free)
        return (*figures, self.closed, self.source, self.conflict, self.warnings, self.includes_holds)


NOTHING_KNOWN = Picture()


def picture(
    folded: Folded, net_flows: Mapping[Source, int], age_limit: timedelta, now: datetime, full_since: datetime | None = None
) -> Picture:
    """The picture at `now`.

    Args:
        folded: what each source said.
        net_flows: per source, patients who came minus patients who left since that source's last snapshot of `occupied`.
        age_limit: how long a figure may be trusted.
        now: the moment of looking.
        full_since: when the unit declined a patient because it was full; from then on nothing is free until places are counted anew.
    """

    def shown_at(moment: datetime) -> Picture:
        seen = _shown(folded, net_flows, age_limit, moment)
        # What is unknown stays unknown: a decline does not say how many beds there are.
        if seen.free is None or not is_full(folded, full_since):
            return seen
        return replace(seen, free=0, warnings=tuple(sorted({*seen.warnings, DECLINED_AS_FULL})))

    shown = shown_at(now)
    for moment in _expiries(folded, age_limit, now):
        if not shown_at(moment).looks_like(shown):
            return replace(shown, fresh_until=moment)
    return shown


def _expiries(folded: Folded, age_limit: timedelta, now: datetime) -> list[datetime]:
    moments = set[datetime]()
    for voice in folded.values():
        moments.update(said.by.observed_at + age_limit for said in voice.figures.values() if said.value is not None)
        if voice.closed is not None and voice.closed.value.sent is not None:
            moments.add(voice.closed.by.observed_at + age_limit)
    return sorted(moment for moment in moments if moment > now)


def _shown(folded: Folded, net_flows: Mapping[Source, int], age_limit: timedelta, now: datetime) -> Picture:
    limit = now - age_limit
    warnings = set[str]()
    fresh: dict[Source, dict[Field_, int]] = {}
    for source in PRECEDENCE:
        if source in folded and (figures := _fresh_figures(folded[source], net_flows.get(source, 0), limit, warnings)):
            fresh[source] = figures
    closed, closed_by = _fresh_reason(folded, limit)
    if not fresh:
        return replace(NOTHING_KNOWN, closed=closed, closed_by=closed_by)

    sources: dict[Field_, Source] = {}
    shown: dict[Field_, int] = {}
    for source, figures in fresh.items():
        for field, value in figures.items():
            if shown.setdefault(field, value) != value:
                warnings.add(SOURCES_DIFFER)
            sources.setdefault(field, source)
    if any(breaks_a_rule(figures) for figures in (shown, *fresh.values())):
        warnings.add(RULE_BROKEN)
    conflict = SOURCES_DIFFER in warnings or RULE_BROKEN in warnings
    return Picture(
        total=shown.get("total"),
        open=shown.get("open"),
        occupied=shown.get("occupied"),
        reserved=shown.get("reserved"),
        # A combination that cannot be is never free: until a person has looked, nobody is sent there.
        free=0 if RULE_BROKEN in warnings else _lowest_free(shown, fresh.values(), at_least=0 if conflict else None),
        closed=closed,
        closed_by=closed_by,
        source=next(source for source in PRECEDENCE if source in sources.values()),
        observed_at=min(folded[source].figures[field].by.observed_at for field, source in sources.items()),
        conflict=conflict,
        warnings=tuple(sorted(warnings)),
        includes_holds=_included(folded, [source for source, figures in fresh.items() if "occupied" in figures]),
        sources=sources,
    )


def _included(folded: Folded, counting: Sequence[Source]) -> tuple[UUID, ...]:
    """The held places that all sources that count patients name: one that some figure may lack counts beside it, at worst twice."""
    deciding = [folded[source].figures["occupied"].by for source in counting]
    named = set.intersection(*(set(by.includes_holds) for by in deciding)) if deciding else set[UUID]()
    if named:
        # The sender may have reckoned the place among the reserved ones. Whoever says anew how many these are speaks for it too.
        counted_at = min(by.observed_at for by in deciding)
        for voice in folded.values():
            reserved = voice.figures.get("reserved")
            if reserved is not None and reserved.by.observed_at >= counted_at:
                named.intersection_update(reserved.by.includes_holds)
    return tuple(sorted(named))


def _fresh_figures(voice: Voice, net_flow: int, limit: datetime, warnings: set[str]) -> dict[Field_, int]:
    """What this source says and may be trusted; who came and left since its snapshot is counted in."""
    figures = {field: said.value for field, said in voice.figures.items() if said.value is not None and said.by.observed_at > limit}
    if net_flow and "occupied" in figures:
        if figures["occupied"] + net_flow < 0:
            warnings.add(FLOWS_BELOW_ZERO)
        figures["occupied"] = max(0, figures["occupied"] + net_flow)
    return figures


def _fresh_reason(folded: Folded, limit: datetime) -> tuple[ClosedBecause | None, Source | None]:
    for source in PRECEDENCE:
        closed = folded[source].closed if source in folded else None
        if closed is not None and closed.value.sent is not None and closed.by.observed_at > limit:
            return closed.value, source
    return None, None


def _lowest_free(shown: Mapping[Field_, int], fresh: Iterable[Mapping[Field_, int]], *, at_least: int | None) -> int | None:
    """The lowest availability of any source, each completed with what is shown where it says nothing; None while unknown."""
    if not all(field in shown for field in FIGURE_FIELDS[1:]):
        return None
    lowest = min(
        said.get("open", shown["open"]) - said.get("occupied", shown["occupied"]) - said.get("reserved", shown["reserved"])
        for said in fresh
    )
    return lowest if at_least is None else max(at_least, lowest)
