"""Assess a case by a protocol; immediate danger to life is handed over to 112 in the same transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from chassis.errors import FieldError, Rejected
from chassis.http.etag import require_match
from chassis.security.auth import Caller
from contracts.triage import CASES, CaseAssessedV1, CaseHandedOverV1
from triage.application.decide import case_to_decide_on
from triage.application.ports import Work
from triage.application.refusals import refusal
from triage.domain.case import Assessment, Case
from triage.domain.protocol import Protocol, assess
from triage.domain.rules import RuleBroken
from triage.domain.timeline import Entry, Happened

Packs = Mapping[tuple[str, str], Protocol]


@dataclass(frozen=True, slots=True)
class Answers:
    """What was asked and answered."""

    protocol: str
    version: str
    complaint: str
    answers: Mapping[str, bool]
    pain: int | None


async def assess_case(work: Work, case_id: UUID, given: Answers, *, packs: Packs, seen: str, who: Caller) -> Case:
    """Give the case an urgency; assessed again, the newest counts.

    Raises:
        Rejected: 404, 403; 409 when the case is over; 412; 422 for a protocol, complaint or criterion that is not there.
    """
    case = await case_to_decide_on(work, case_id, who)
    require_match(seen, case.version)
    protocol = packs.get((given.protocol, given.version))
    if protocol is None:
        raise Rejected(
            "unknown-protocol",
            "There is no such protocol in this version.",
            errors=[FieldError("/protocol", "is not there in this version")],
        )
    try:
        outcome = assess(protocol, given.complaint, given.answers, given.pain)
    except RuleBroken as broken:
        raise refusal(broken) from None
    now = await work.now()
    assessment = Assessment(
        protocol=protocol.name,
        version=protocol.version,
        complaint=given.complaint,
        answers=given.answers,
        pain=given.pain,
        urgency=outcome.urgency,
        actions=outcome.actions,
        advice=outcome.advice,
        criterion=outcome.criterion,
        open_questions=outcome.open_questions,
        assessed_at=now,
    )
    after = case.assessed(assessment)
    await work.cases.write([after], _entries(after, assessment, who))
    _tell(work, after, assessment)
    return after


def _entries(case: Case, assessment: Assessment, who: Caller) -> list[Entry]:
    now = assessment.assessed_at
    facts = {
        "protocol": assessment.protocol,
        "version": assessment.version,
        "complaint": assessment.complaint,
        "answers": assessment.answers,
        "pain": assessment.pain,
        "urgency": assessment.urgency,
        "actions": assessment.actions,
        "criterion": assessment.criterion,
    }
    entries = [Entry(case.case_id, Happened.GETRIEERD, now, who.subject, facts)]
    if case.handed_over_at is not None:
        entries.append(Entry(case.case_id, Happened.OVERGEDRAGEN_112, now, who.subject, {"urgency": assessment.urgency}))
    return entries


def _tell(work: Work, case: Case, assessment: Assessment) -> None:
    now = assessment.assessed_at
    work.publish(
        CASES,
        CaseAssessedV1(
            case_id=case.case_id,
            urgency=assessment.urgency,
            actions=assessment.actions,
            protocol=assessment.protocol,
            protocol_version=assessment.version,
            complaint=assessment.complaint,
            criterion=assessment.criterion,
            assessed_at=now,
        ),
        key=str(case.case_id),
    )
    if case.handed_over_at is not None:
        work.publish(CASES, CaseHandedOverV1(case_id=case.case_id, urgency=assessment.urgency, handed_over_at=now), key=str(case.case_id))
