"""A triage protocol: a versioned pack of complaints with their criteria, and what follows from the answers."""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.codes import FollowUp, Urgency
from triage.domain.rules import Breach, RuleBroken
from triage.domain.urgency import is_more_urgent, with_pain


@dataclass(frozen=True, slots=True)
class Consequence:
    """What an urgency asks for, in general or where no criterion applies."""

    urgency: Urgency
    action: FollowUp
    advice: str


@dataclass(frozen=True, slots=True)
class Criterion:
    """A question about a complaint; answered with yes it gives at least this urgency."""

    id: str
    text: str
    urgency: Urgency
    action: FollowUp
    advice: str


@dataclass(frozen=True, slots=True)
class Complaint:
    """What somebody calls about (ingangsklacht), with its criteria, most urgent first."""

    id: str
    name: str
    criteria: tuple[Criterion, ...]
    otherwise: Consequence

    def __post_init__(self) -> None:
        """Refuse a pack in which the first yes would not be the most urgent one, or an id would mean two things."""
        urgencies = [criterion.urgency for criterion in self.criteria]
        if urgencies != sorted(urgencies):
            raise ValueError(f"the criteria of {self.id} are not in order, most urgent first")
        if any(is_more_urgent(self.otherwise.urgency, urgency) for urgency in urgencies):
            raise ValueError(f"without a criterion {self.id} would be more urgent than with one")
        if len({criterion.id for criterion in self.criteria}) != len(self.criteria):
            raise ValueError(f"{self.id} has two criteria of one id")


@dataclass(frozen=True, slots=True)
class Protocol:
    """A pack in one version; another version is another pack, so that what was decided can always be explained."""

    name: str
    version: str
    title: str
    complaints: tuple[Complaint, ...]
    raised: tuple[Consequence, ...]
    """What to do where pain alone makes it this urgent."""

    def __post_init__(self) -> None:
        """Refuse a pack with two complaints of one id."""
        if len({complaint.id for complaint in self.complaints}) != len(self.complaints):
            raise ValueError(f"{self.name} has two complaints of one id")

    def complaint(self, complaint_id: str) -> Complaint:
        """The complaint with this id.

        Raises:
            RuleBroken: when the pack has none.
        """
        for complaint in self.complaints:
            if complaint.id == complaint_id:
                return complaint
        raise RuleBroken("unknown-complaint", "The protocol has no such complaint.", Breach("/complaint", "is not in this protocol"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the protocol says."""

    urgency: Urgency
    actions: tuple[FollowUp, ...]
    advice: str
    criterion: str | None
    """The id of the criterion that decided; None when none applied."""
    open_questions: tuple[str, ...]
    """Criteria that nobody answered and that would be more urgent than this."""


def assess(protocol: Protocol, complaint_id: str, answers: Mapping[str, bool], pain: int | None) -> Outcome:
    """Go through the criteria, most urgent first; the first yes decides, and pain may raise it.

    Raises:
        RuleBroken: when the pack lacks the complaint, or the complaint a criterion that was answered.
    """
    complaint = protocol.complaint(complaint_id)
    if answers.keys() - {criterion.id for criterion in complaint.criteria}:
        raise RuleBroken(
            "unknown-criterion", "The complaint has no such criterion.", Breach("/answers", "names a criterion that is not there")
        )
    deciding = next((criterion for criterion in complaint.criteria if answers.get(criterion.id)), None)
    base = deciding or complaint.otherwise
    urgency = with_pain(base.urgency, pain)
    steps = [(base.action, base.advice)]
    if urgency is not base.urgency:
        steps = [(step.action, step.advice) for step in protocol.raised if step.urgency is urgency] + steps
    return Outcome(
        urgency=urgency,
        actions=tuple(dict.fromkeys(action for action, _ in steps)),
        advice=" ".join(dict.fromkeys(advice for _, advice in steps)),
        criterion=deciding.id if deciding else None,
        open_questions=tuple(
            criterion.id for criterion in complaint.criteria if criterion.id not in answers and is_more_urgent(criterion.urgency, urgency)
        ),
    )
