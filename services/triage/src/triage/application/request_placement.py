"""Ask for a place: what the case needs goes to placement, which looks for it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chassis.errors import FieldError, Rejected
from chassis.http.etag import require_match
from chassis.security.auth import Caller
from contracts.codes import CareType, Cohort, Origin, Urgency
from contracts.geography import UnknownPlace, place_of_vr
from contracts.triage import CASES, PlacementRequestedV1
from triage.application.decide import case_to_decide_on
from triage.application.ports import Work
from triage.application.refusals import refusal
from triage.domain.case import Case, Needs, PlaceRequest
from triage.domain.rules import RuleBroken
from triage.domain.timeline import Entry, Happened


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for; `origin` and `needs` are those of the contact when they are None."""

    care_type: CareType
    cohort: Cohort
    urgency: Urgency
    place_by: datetime
    region: str
    origin: Origin | None
    needs: Needs | None
    target_group: int | None


async def request_placement(work: Work, case_id: UUID, wanted: Wanted, *, seen: str, who: Caller) -> Case:
    """Open a round of the case's request; a case asks again only when the round before has ended.

    Raises:
        Rejected: 404, 403; 409 when the case is over, has an open request or was assessed otherwise; 412; 422.
    """
    case = await case_to_decide_on(work, case_id, who)
    now = await work.now()
    try:
        case.require_no_request()
        request = _request(case, wanted, now)
        after = case.asking(request)
    except RuleBroken as broken:
        raise refusal(broken) from None
    require_match(seen, case.version)
    facts = {
        "round": request.round,
        "care_type": request.care_type,
        "cohort": request.cohort,
        "urgency": request.urgency,
        "is_assessed": request.is_assessed,
        "place_by": request.place_by,
        "region": request.region,
        "target_group": request.target_group,
    }
    await work.cases.write([after], [Entry(case_id, Happened.PLAATS_GEVRAAGD, now, who.subject, facts)])
    work.publish(
        CASES,
        PlacementRequestedV1(
            case_id=case_id,
            round=request.round,
            urgency=request.urgency,
            is_assessed=request.is_assessed,
            care_type=request.care_type,
            cohort=request.cohort,
            place_by=request.place_by,
            region=request.region,
            roaz=request.roaz,
            municipality=case.municipality,
            origin=request.origin,
            organisation=who.org,
            needs=dict(request.needs),
            target_group=request.target_group,
            requested_at=now,
        ),
        key=str(case_id),
    )
    return after


def _request(case: Case, wanted: Wanted, now: datetime) -> PlaceRequest:
    try:
        # Where the region straddles several ROAZ regions, the patient's municipality tells which one it is about.
        roaz = case.roaz if wanted.region == case.vr else place_of_vr(wanted.region).roaz
    except UnknownPlace as unknown:
        raise Rejected("unknown-place", "There is no such region.", errors=[FieldError("/region", str(unknown))]) from None
    return PlaceRequest(
        round=1 if case.request is None else case.request.round + 1,
        care_type=wanted.care_type,
        cohort=wanted.cohort,
        urgency=wanted.urgency,
        is_assessed=case.assessment is not None,
        place_by=wanted.place_by,
        region=wanted.region,
        roaz=roaz,
        origin=wanted.origin or case.origin,
        needs=case.needs if wanted.needs is None else wanted.needs,
        target_group=wanted.target_group,
        requested_at=now,
    )
