"""What placement tells, made of what it knows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

from contracts.placement import (
    Absorbed,
    EscalatedTo,
    Held,
    HoldsChangedV1,
    OfferAcceptedV1,
    OfferDeclinedV1,
    OfferEnd,
    OfferEndedV1,
    OfferMadeV1,
    PatientAdmittedV1,
    PlacementReleasedV1,
    RefusalReportedV1,
    RequestClosedV1,
    RequestEnd,
    RequestEscalatedV1,
    RequestOpenedV1,
    RoomAnsweredV1,
    TransportLeftV1,
)
from placement.domain.offer import Offer
from placement.domain.request import Request
from placement.domain.room import Judgement
from placement.domain.unit import Unit

HeldStatus = Literal["OFFERED", "ACCEPTED", "UNDERWAY", "ADMITTED"]


def request_opened(request: Request) -> RequestOpenedV1:
    return RequestOpenedV1(
        case_id=request.case_id,
        round=request.round,
        urgency=request.urgency,
        care_type=request.care_type,
        cohort=request.cohort,
        region=request.region,
        roaz=request.roaz,
        requested_at=request.requested_at,
    )


def request_escalated(request: Request, to: EscalatedTo, region: str | None, now: datetime) -> RequestEscalatedV1:
    return RequestEscalatedV1(case_id=request.case_id, round=request.round, to=to, region=region, escalated_at=now)


def request_closed(request: Request, how: RequestEnd, now: datetime) -> RequestClosedV1:
    return RequestClosedV1(case_id=request.case_id, round=request.round, how=how, closed_at=now)


def offer_made(offer: Offer, unit: Unit) -> OfferMadeV1:
    return OfferMadeV1(**_at(offer, unit), is_automatic=offer.is_automatic, made_at=offer.made_at, answer_by=offer.answer_by)


def offer_accepted(offer: Offer, unit: Unit, request: Request) -> OfferAcceptedV1:
    assert offer.accepted_at is not None
    assert offer.held_until is not None
    return OfferAcceptedV1(
        **_at(offer, unit),
        requested_at=request.requested_at,
        made_at=offer.made_at,
        accepted_at=offer.accepted_at,
        held_until=offer.held_until,
    )


def offer_declined(offer: Offer, unit: Unit, reason: str, now: datetime) -> OfferDeclinedV1:
    return OfferDeclinedV1(**_at(offer, unit), reason=reason, made_at=offer.made_at, declined_at=now)


def refusal_reported(offer: Offer, unit: Unit, reason: str, now: datetime) -> RefusalReportedV1:
    return RefusalReportedV1(**_at(offer, unit), reason=reason, reported_at=now)


def offer_expired(offer: Offer, unit: Unit, now: datetime) -> OfferEndedV1:
    return OfferEndedV1(**_at(offer, unit), how=OfferEnd.EXPIRED, made_at=offer.made_at, due_at=offer.answer_by, ended_at=now)


def offer_withdrawn(offer: Offer, unit: Unit, now: datetime) -> OfferEndedV1:
    return OfferEndedV1(**_at(offer, unit), how=OfferEnd.WITHDRAWN, made_at=offer.made_at, due_at=None, ended_at=now)


def transport_left(offer: Offer, unit: Unit, left_at: datetime) -> TransportLeftV1:
    return TransportLeftV1(**_at(offer, unit), left_at=left_at)


def patient_admitted(offer: Offer, unit: Unit, request: Request, admitted_at: datetime) -> PatientAdmittedV1:
    return PatientAdmittedV1(**_at(offer, unit), requested_at=request.requested_at, admitted_at=admitted_at)


def room_answered(offer: Offer, unit: Unit, said: Judgement, now: datetime) -> RoomAnsweredV1:
    return RoomAnsweredV1(**_at(offer, unit), has_room=said.has_room, how=said.how.value, answered_at=now)


def placement_released(offer: Offer, unit: Unit, why: str, now: datetime) -> PlacementReleasedV1:
    return PlacementReleasedV1(**_at(offer, unit), why=why, released_at=now)


def holds_changed(
    unit_id: UUID, held: Sequence[Offer], absorbed: Sequence[Offer], full_since: datetime | None, now: datetime
) -> HoldsChangedV1:
    """All that is held of a unit."""
    return HoldsChangedV1(
        unit_id=unit_id,
        holds=tuple(
            Held(
                hold_id=offer.offer_id,
                status=cast("HeldStatus", offer.status.value),
                since=offer.made_at,
                until=offer.held_until,
                admitted_at=offer.admitted_at,
            )
            for offer in held
        ),
        absorbed=tuple(
            Absorbed(hold_id=offer.offer_id, unit_version=offer.absorbed_version)
            for offer in absorbed
            if offer.absorbed_version is not None
        ),
        full_since=full_since,
        changed_at=now,
    )


def _at(offer: Offer, unit: Unit) -> dict[str, Any]:
    return {
        "case_id": offer.case_id,
        "round": offer.round,
        "offer_id": offer.offer_id,
        "unit_id": unit.unit_id,
        "location_id": unit.location_id,
        "organisation": unit.organisation,
        "sector": unit.sector,
        "care_type": unit.care_type,
        "cohort": unit.cohort,
        "vr": unit.vr,
        "roaz": unit.roaz,
    }
