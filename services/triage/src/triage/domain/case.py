"""A case: one contact about a patient, from the call until triage has done its part. Who the patient is, is not part of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from contracts.codes import CallerRole, CareType, Channel, ClosureOutcome, Cohort, FollowUp, Origin, Urgency
from triage.domain.journey import Journey, Progress
from triage.domain.rules import Breach, RuleBroken, StateForbids
from triage.domain.urgency import EMERGENCIES, queue_rank
from triage.domain.wishes import Wishes

Needs = Mapping[str, bool | int | float | str]


class Status(StrEnum):
    """Where a case stands."""

    NIEUW = "NIEUW"
    GETRIEERD = "GETRIEERD"
    PLAATS_GEVRAAGD = "PLAATS_GEVRAAGD"
    GEPLAATST = "GEPLAATST"
    OVERGEDRAGEN_112 = "OVERGEDRAGEN_112"
    GESLOTEN = "GESLOTEN"


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a protocol made of the answers."""

    protocol: str
    version: str
    complaint: str
    answers: Mapping[str, bool]
    pain: int | None
    urgency: Urgency
    actions: tuple[FollowUp, ...]
    advice: str
    criterion: str | None
    open_questions: tuple[str, ...]
    assessed_at: datetime


@dataclass(frozen=True, slots=True)
class PlaceRequest:
    """What the case needs of a place."""

    round: int
    care_type: CareType
    cohort: Cohort
    urgency: Urgency
    is_assessed: bool
    """False when the urgency is the asker's own."""
    place_by: datetime
    region: str
    roaz: str
    origin: Origin | None
    needs: Needs
    target_group: int | None
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class Case:
    """A contact. Every change of what is shown raises the version."""

    case_id: UUID
    version: int
    channel: Channel
    caller_role: CallerRole
    origin: Origin | None
    municipality: str
    vr: str
    roaz: str
    needs: Needs
    is_second_contact: bool
    """About the same person as another contact shortly before: an alarm signal."""
    registered_by: str
    """Subject of the token."""
    organisation: str | None
    """Of that token."""
    registered_at: datetime
    assessment: Assessment | None = None
    wishes: Wishes | None = None
    request: PlaceRequest | None = None
    journey: Journey | None = None
    is_journey_uncertain: bool = False
    """An event about it could not be read: what placement did since is not known."""
    handed_over_at: datetime | None = None
    closed_at: datetime | None = None
    outcome: ClosureOutcome | None = None

    @property
    def status(self) -> Status:
        if self.handed_over_at is not None:
            return Status.OVERGEDRAGEN_112
        if self.closed_at is not None:
            return Status.GESLOTEN
        if self.journey is not None and self.journey.status is Progress.ADMITTED:
            return Status.GEPLAATST
        if self.has_open_request:
            return Status.PLAATS_GEVRAAGD
        return Status.NIEUW if self.assessment is None else Status.GETRIEERD

    @property
    def is_open(self) -> bool:
        return self.handed_over_at is None and self.closed_at is None

    @property
    def has_open_request(self) -> bool:
        return self.journey is not None and not self.journey.has_ended

    @property
    def urgency(self) -> Urgency | None:
        """As assessed, else as whoever asked for a place put it."""
        if self.assessment is not None:
            return self.assessment.urgency
        return self.request.urgency if self.request is not None else None

    @property
    def queue_rank(self) -> int | None:
        """The place in the queue, lowest first; None when it does not stand there."""
        return queue_rank(self.urgency) if self.is_open else None

    @property
    def may_be_placed(self) -> bool:
        """Whether whoever accepted the patient still has to do with them."""
        return self.is_open or self.outcome is ClosureOutcome.GEPLAATST

    def require_open(self) -> None:
        """Let only those through on which something is still to be decided.

        Raises:
            StateForbids: when the case was closed or handed over.
        """
        if self.handed_over_at is not None:
            raise StateForbids("case-handed-over", "The case was handed over to 112.")
        if self.closed_at is not None:
            raise StateForbids("case-closed", "The case is closed.")

    def assessed(self, assessment: Assessment) -> "Case":
        """The case with this assessment; immediate danger to life hands it over to 112 and ends its request."""
        changed = replace(self, version=self.version + 1, assessment=assessment)
        if assessment.urgency not in EMERGENCIES:
            return changed
        return replace(changed, handed_over_at=assessment.assessed_at, journey=_ended(self.journey, "HANDED_OVER_112"))

    def with_wishes(self, wishes: Wishes) -> "Case":
        return replace(self, version=self.version + 1, wishes=wishes)

    def require_no_request(self) -> None:
        """Let only those through for whom nobody looks for a place yet.

        Raises:
            StateForbids: when a place has been asked for already.
        """
        if self.has_open_request:
            raise StateForbids("place-already-requested", "A place was asked for already, and that request is still open.")

    def asking(self, request: PlaceRequest) -> "Case":
        """The case with this request in a new round.

        Raises:
            StateForbids: when the urgency is not the one that was assessed.
            RuleBroken: when this cannot be asked.
        """
        if request.urgency in EMERGENCIES:
            raise RuleBroken("never-placed", "U0 and U1 go to 112, never to a place.", Breach("/urgency", "must be U2 to U5"))
        if self.assessment is not None and request.urgency is not self.assessment.urgency:
            raise StateForbids("not-as-assessed", "The urgency of a request is the one that was assessed.", Breach("/urgency", "differs"))
        if request.place_by <= request.requested_at:
            raise RuleBroken("place-by-past", "A place is asked for a time to come.", Breach("/place_by", "must be in the future"))
        return replace(self, version=self.version + 1, request=request, journey=Journey(request.round))

    def closed(self, outcome: ClosureOutcome, at: datetime) -> "Case":
        """The case when triage has done its part; unless a place was found, its request ends."""
        how = "DECEASED" if outcome is ClosureOutcome.OVERLEDEN else "CANCELLED"
        journey = self.journey if outcome is ClosureOutcome.GEPLAATST else _ended(self.journey, how)
        return replace(self, version=self.version + 1, closed_at=at, outcome=outcome, journey=journey)

    def travelled(self, journey: Journey) -> "Case":
        """The case as placement tells of it."""
        return self if journey == self.journey else replace(self, version=self.version + 1, journey=journey)

    def uncertain(self, is_uncertain: bool) -> "Case":
        if is_uncertain == self.is_journey_uncertain:
            return self
        return replace(self, version=self.version + 1, is_journey_uncertain=is_uncertain)


def _ended(journey: Journey | None, how: str) -> Journey | None:
    return None if journey is None else journey.closed(how)
