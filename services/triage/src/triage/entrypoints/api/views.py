"""What is answered. Of who the patient is nothing but in `PatientView`, which is neither kept nor cached anywhere."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from chassis.http.pages import page
from contracts.codes import CallerRole, CareType, Channel, Choice, ClosureOutcome, Cohort, FollowUp, Origin, Urgency
from triage.adapters.sql.queries import Step
from triage.domain.case import Case, PlaceRequest, Status
from triage.domain.identity import Identity
from triage.domain.journey import Journey, Place, Progress
from triage.domain.protocol import Protocol
from triage.domain.timeline import Happened
from triage.domain.wishes import NOT_RECORDED, Wish, Wishes


class WishView(BaseModel):
    """A choice."""

    choice: Choice
    until: datetime | None
    is_permission: bool = Field(description="Only a JA that has not expired.")


class WishesView(BaseModel):
    """The choices; their words are shown with the patient."""

    hospital: WishView
    ic: WishView
    resuscitation: WishView
    ventilation: WishView
    recorded_at: datetime | None = Field(description="Null when nothing is recorded.")


class AssessmentView(BaseModel):
    """What the protocol says."""

    protocol: str
    version: str
    complaint: str
    answers: dict[str, bool]
    pain: int | None
    urgency: Urgency
    actions: list[FollowUp]
    advice: str
    criterion: str | None
    open_questions: list[str]
    assessed_at: datetime


class PlaceView(BaseModel):
    """A place that was offered or accepted."""

    offer_id: UUID
    unit_id: UUID
    location_id: UUID
    organisation: str
    until: datetime | None = Field(description="When the answer is due; once accepted, when the hold ends by itself.")


class PlacementRequestView(BaseModel):
    """What was asked for, and how far it is."""

    round: int
    care_type: CareType
    cohort: Cohort
    urgency: Urgency
    is_assessed: bool
    place_by: datetime
    region: str
    roaz: str
    origin: Origin | None
    needs: dict[str, bool | int | float | str]
    target_group: int | None
    requested_at: datetime
    status: Progress
    offers: list[PlaceView]
    place: PlaceView | None
    escalated_to: str | None
    ended: str | None
    uncertain: bool = Field(description="Something that placement said of it could not be read.")


class CaseView(BaseModel):
    """A case, without who the patient is."""

    id: UUID = Field(description="As `case_id`.")
    case_id: UUID
    version: int
    status: Status
    urgency: Urgency | None = Field(description="Null until somebody looked.")
    is_assessed: bool
    second_contact: bool = Field(description="Another contact about the same person shortly before: an alarm signal.")
    channel: Channel
    caller_role: CallerRole
    origin: Origin | None
    municipality: str
    vr: str
    roaz: str
    needs: dict[str, bool | int | float | str]
    organisation: str | None
    registered_at: datetime
    treatment_wishes: WishesView
    assessment: AssessmentView | None
    placement_request: PlacementRequestView | None
    handed_over_at: datetime | None
    closed_at: datetime | None
    outcome: ClosureOutcome | None


class CasesView(BaseModel):
    """A page; `Link: rel="next"` leads to the next."""

    items: list[CaseView]


class DecidedView(BaseModel):
    """What became of a case."""

    case_id: UUID
    status: Status
    version: int


class RegisteredView(DecidedView):
    """A case that was registered."""

    second_contact: bool


class AssessedView(DecidedView):
    """What the protocol says; wishes stand beside it, since no hospital advice goes out before they were seen."""

    urgency: Urgency
    actions: list[FollowUp]
    advice: str
    criterion: str | None
    open_questions: list[str]
    treatment_wishes: WishesView


class WishesRecordedView(DecidedView):
    """What is recorded."""

    treatment_wishes: WishesView


class RequestedView(DecidedView):
    """What was asked for."""

    placement_request: PlacementRequestView


class ClosedView(DecidedView):
    """How it ended."""

    outcome: ClosureOutcome


class StepView(BaseModel):
    """What happened."""

    what: Happened
    at: datetime
    by: str | None
    facts: dict[str, Any]
    recorded_at: datetime


class TimelineView(BaseModel):
    """A page, oldest first; `Link: rel="next"` leads to the next."""

    items: list[StepView]


class PatientView(BaseModel):
    """Who the patient is. Each look is written down."""

    case_id: UUID
    bsn: str | None
    name: str | None
    birth_date: date | None
    phone: str | None
    complaint: str
    wishes: dict[str, str | None] | None = Field(description="The words beside the choices, and who wrote them down.")


class ProtocolSummary(BaseModel):
    """A pack."""

    name: str
    version: str
    title: str
    complaints: int


class ProtocolsView(BaseModel):
    """All packs."""

    items: list[ProtocolSummary]


def case_view(case: Case, now: datetime) -> dict[str, Any]:
    """A case as it may be shown now."""
    return {
        "id": case.case_id,
        "case_id": case.case_id,
        "version": case.version,
        "status": case.status,
        "urgency": case.urgency,
        "is_assessed": case.assessment is not None,
        "second_contact": case.is_second_contact,
        "channel": case.channel,
        "caller_role": case.caller_role,
        "origin": case.origin,
        "municipality": case.municipality,
        "vr": case.vr,
        "roaz": case.roaz,
        "needs": case.needs,
        "organisation": case.organisation,
        "registered_at": case.registered_at,
        "treatment_wishes": wishes_view(case.wishes, now),
        "assessment": case.assessment,
        "placement_request": None if case.request is None else request_view(case, case.request),
        "handed_over_at": case.handed_over_at,
        "closed_at": case.closed_at,
        "outcome": case.outcome,
    }


def decided_view(case: Case, **more: Any) -> dict[str, Any]:
    """A decision on a case."""
    return {"case_id": case.case_id, "status": case.status, "version": case.version, **more}


def assessed_view(case: Case, now: datetime) -> dict[str, Any]:
    """What the protocol says."""
    assessment = case.assessment
    assert assessment is not None
    return decided_view(
        case,
        urgency=assessment.urgency,
        actions=assessment.actions,
        advice=assessment.advice,
        criterion=assessment.criterion,
        open_questions=assessment.open_questions,
        treatment_wishes=wishes_view(case.wishes, now),
    )


def wishes_view(wishes: Wishes | None, now: datetime) -> dict[str, Any]:
    """The choices; what is not recorded is shown as that, since it must never look like permission."""
    return {
        "hospital": _wish(wishes.hospital if wishes else NOT_RECORDED, now),
        "ic": _wish(wishes.ic if wishes else NOT_RECORDED, now),
        "resuscitation": _wish(wishes.resuscitation if wishes else NOT_RECORDED, now),
        "ventilation": _wish(wishes.ventilation if wishes else NOT_RECORDED, now),
        "recorded_at": wishes.recorded_at if wishes else None,
    }


def request_view(case: Case, request: PlaceRequest) -> dict[str, Any]:
    """What was asked for, and how far placement is with it."""
    journey = case.journey or Journey(request.round)
    return {
        "round": request.round,
        "care_type": request.care_type,
        "cohort": request.cohort,
        "urgency": request.urgency,
        "is_assessed": request.is_assessed,
        "place_by": request.place_by,
        "region": request.region,
        "roaz": request.roaz,
        "origin": request.origin,
        "needs": request.needs,
        "target_group": request.target_group,
        "requested_at": request.requested_at,
        "status": journey.status,
        "offers": [_place(offer) for offer in journey.offers],
        "place": None if journey.place is None else _place(journey.place),
        "escalated_to": journey.escalated_to,
        "ended": journey.ended,
        "uncertain": case.is_journey_uncertain,
    }


def step_view(step: Step) -> dict[str, Any]:
    return {"what": step.what, "at": step.at, "by": step.by, "facts": step.facts, "recorded_at": step.recorded_at}


def patient_view(case_id: UUID, identity: Identity) -> dict[str, Any]:
    """Who the patient is."""
    patient, texts = identity.patient, identity.wishes
    return {
        "case_id": case_id,
        "bsn": patient.bsn,
        "name": patient.name,
        "birth_date": patient.birth_date,
        "phone": patient.phone,
        "complaint": identity.complaint,
        "wishes": None
        if texts is None
        else {
            "recorded_by": texts.recorded_by,
            "hospital": texts.hospital,
            "ic": texts.ic,
            "resuscitation": texts.resuscitation,
            "ventilation": texts.ventilation,
        },
    }


def protocols_view(packs: Sequence[Protocol]) -> dict[str, Any]:
    """All packs."""
    return page([{"name": pack.name, "version": pack.version, "title": pack.title, "complaints": len(pack.complaints)} for pack in packs])


def _wish(wish: Wish, now: datetime) -> dict[str, Any]:
    return {"choice": wish.choice, "until": wish.until, "is_permission": wish.is_permission(now)}


def _place(place: Place) -> dict[str, Any]:
    return {
        "offer_id": place.offer_id,
        "unit_id": place.unit_id,
        "location_id": place.location_id,
        "organisation": place.organisation,
        "until": place.until,
    }
