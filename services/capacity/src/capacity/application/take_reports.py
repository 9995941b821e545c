"""Take reports: of one sender or many, from the API, a batch or Kafka, all by the same rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from capacity.application.events import observation_recorded
from capacity.application.permission import may_speak
from capacity.application.ports import NOT_WHOLE, Fact, Known, Work
from capacity.application.refusals import refusal
from capacity.application.show_units import show_units
from capacity.domain.fold import Folded, from_scratch, merged, warnings_about
from capacity.domain.plausibility import Caution
from capacity.domain.report import Report, SentReport
from capacity.domain.rules import RuleBroken
from capacity.domain.unit import Unit
from chassis.errors import Rejected
from chassis.observability.trace_context import current_traceparent
from chassis.security.auth import Caller
from contracts.capacity import OBSERVATIONS


@dataclass(frozen=True, slots=True)
class Submission:
    """A report with its sender; `received_at` is when the broker had it, None for now."""

    report: SentReport
    sender: Caller
    received_at: datetime | None = None
    traceparent: str | None = field(default_factory=current_traceparent.get, compare=False)
    """Of the request that brought it: reports of several requests are taken together."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a report."""

    report_id: UUID
    duplicate: bool
    is_current: bool
    """What it says is what counts now; not so when something newer is known, or a higher revision of it."""
    warnings: tuple[Caution, ...]


Verdict = Taken | Rejected
_Id = tuple[UUID, int]


async def take_reports(work: Work, submissions: Sequence[Submission]) -> list[Verdict]:
    """Store what is right, fold it and publish it, each unit once; one verdict a submission, in their order.

    What is rejected leaves no trace and does not stop the others: whoever wants all or nothing rolls the transaction back.
    """
    now, units = await work.units.locked({submission.report.unit_id for submission in submissions})
    facts, rejected = _judged(submissions, units, now)
    known = await work.reports.store(list(facts.values()), now) if facts else {}
    accepted = [fact.report for report_id, fact in facts.items() if _is_stored_now(fact, known.get(report_id))]
    folding = _folded(accepted, units, known)
    if folding.to_recount:
        deciding = await work.reports.deciding(folding.to_recount)
        folding.units.update({unit_id: from_scratch(deciding.get(unit_id, ())) for unit_id in folding.to_recount})

    for report in accepted:
        work.publish(OBSERVATIONS, observation_recorded(report, units[report.unit_id], now), key=str(report.unit_id))
    changed = [replace(units[unit_id], folded=folded) for unit_id, folded in folding.units.items() if folded != units[unit_id].folded]
    await show_units(work, changed, now)

    verdicts: list[Verdict] = []
    answered: set[_Id] = set()
    for nth, submission in enumerate(submissions):
        sent = submission.report
        report_id = (sent.report_id, sent.revision)
        refused = rejected.get(nth) or _clash(facts[report_id], known.get(report_id))
        if refused is not None:
            verdicts.append(refused)
            continue
        is_first = known[report_id].is_new and report_id not in answered
        answered.add(report_id)
        folded = folding.units.get(sent.unit_id, units[sent.unit_id].folded)
        verdicts.append(
            Taken(
                report_id=sent.report_id,
                duplicate=not is_first,
                is_current=_is_current(facts[report_id].report, known, folded),
                warnings=folding.cautions.get(report_id, ()) if is_first else (),
            )
        )
    return verdicts


@dataclass(frozen=True, slots=True)
class _Folding:
    units: dict[UUID, Folded]
    cautions: dict[_Id, tuple[Caution, ...]]
    to_recount: set[UUID]


def _judged(submissions: Sequence[Submission], units: Mapping[UUID, Unit], now: datetime) -> tuple[dict[_Id, Fact], dict[int, Rejected]]:
    """What may be stored, each id and revision once, and what is rejected, by its place."""
    facts: dict[_Id, Fact] = {}
    rejected: dict[int, Rejected] = {}
    units_of: dict[UUID, UUID] = {}
    for nth, submission in enumerate(submissions):
        try:
            fact = _fact(submission, units.get(submission.report.unit_id), now)
            if units_of.setdefault(fact.report.report_id, fact.report.unit_id) != fact.report.unit_id:
                raise _of_another_unit()
            if facts.setdefault((fact.report.report_id, fact.report.revision), fact).digest != fact.digest:
                raise _other_body()
        except Rejected as refused:
            rejected[nth] = refused
    return facts, rejected


def _folded(accepted: Sequence[Report], units: Mapping[UUID, Unit], known: Mapping[_Id, Known]) -> _Folding:
    """Each unit with its new reports, one after the other."""
    revisions: dict[UUID, int] = {}
    for report_id, _ in known:
        revisions[report_id] = revisions.get(report_id, 0) + 1
    folding = _Folding({}, {}, set())
    for report in accepted:
        before = folding.units.get(report.unit_id, units[report.unit_id].folded)
        folding.cautions[report.report_id, report.revision] = warnings_about(before, report)
        # A report of which there is another revision changes what was folded before: that takes the stored facts. The ids of
        # older revisions may have been forgotten, the facts themselves never are.
        if report.revision > 0 or revisions[report.report_id] > 1:
            folding.to_recount.add(report.unit_id)
        folding.units[report.unit_id] = merged(before, report)
    return folding


def _fact(submission: Submission, unit: Unit | None, now: datetime) -> Fact:
    sent = submission.report
    if unit is None:
        raise Rejected("unit-not-found", "There is no such unit.", status=404)
    may_speak(submission.sender, sent.source, unit.location.organisation)
    try:
        # A record may be older than our clock says by now, never younger: brokers and databases have clocks of their own.
        report = sent.received(submission.received_at or now)
    except RuleBroken as broken:
        raise refusal(broken) from None
    return Fact(report=report, digest=sent.digest(), sender=submission.sender.subject)


def _of_another_unit() -> Rejected:
    return Rejected("report-of-another-unit", "This report is about another unit: retract it there and send a new one.", status=409)


def _other_body() -> Rejected:
    return Rejected("report-differs", "This id and revision was sent with another content; a correction has a higher revision.", status=409)


def _is_stored_now(fact: Fact, found: Known | None) -> bool:
    return found is not None and found.is_new and found.subject_id == fact.report.unit_id


def _clash(fact: Fact, found: Known | None) -> Rejected | None:
    if found is None or found.subject_id != fact.report.unit_id:
        return _of_another_unit()
    return _other_body() if found.digest not in {NOT_WHOLE, fact.digest} else None


def _is_current(report: Report, known: Mapping[_Id, Known], folded: Folded) -> bool:
    if any(report_id == report.report_id and revision > report.revision for report_id, revision in known):
        return False
    voice = folded.get(report.source)
    return report.is_retracted or (voice is not None and voice.is_made_of(report.report_id))
