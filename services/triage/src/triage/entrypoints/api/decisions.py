"""What is decided on a case: its assessment, wishes, request for a place and closure."""

from uuid import UUID

from starlette.responses import Response

from chassis.http.answers import answer
from chassis.http.etag import etag
from chassis.http.idempotency import MaybeKey, once
from chassis.http.route import Router
from triage.application.assess_case import assess_case
from triage.application.close_case import close_case
from triage.application.record_wishes import record_wishes
from triage.application.request_placement import request_placement
from triage.domain.case import Case
from triage.entrypoints.api.forms import AssessmentForm, ClosureForm, PlacementRequestForm, WishesForm
from triage.entrypoints.api.views import (
    AssessedView,
    ClosedView,
    RequestedView,
    WishesRecordedView,
    assessed_view,
    decided_view,
    request_view,
    wishes_view,
)
from triage.entrypoints.api.wiring import Assessor, PlaceAsker, Registrar, Seen, Served

router = Router(tags=["decisions"])


@router.put("/cases/{case_id}/assessment", response_model=AssessedView, summary="Assess a case by a protocol")
async def put_assessment(case_id: UUID, body: AssessmentForm, who: Assessor, served: Served, seen: Seen) -> Response:
    """U0 and U1 are handed over to 112 in the same call."""
    async with served.begin() as (_, work):
        case = await assess_case(work, case_id, body.given(), packs=served.packs, seen=seen, who=who)
        now = await work.now()
    return answer(200, assessed_view(case, now), headers=_tagged(case))


@router.put("/cases/{case_id}/treatment-wishes", response_model=WishesRecordedView, summary="Record treatment wishes")
async def put_wishes(case_id: UUID, body: WishesForm, who: Registrar, served: Served, seen: Seen) -> Response:
    """Replaces what was recorded; words go to the vault and are shown with the patient only."""
    async with served.begin() as (_, work):
        case = await record_wishes(work, case_id, body.wishes(), body.texts(), seen=seen, who=who)
        now = await work.now()
    return answer(200, decided_view(case, treatment_wishes=wishes_view(case.wishes, now)), headers=_tagged(case))


@router.post("/cases/{case_id}/placement-request", status_code=201, response_model=RequestedView, summary="Ask for a place")
async def post_placement_request(
    case_id: UUID, body: PlacementRequestForm, *, who: PlaceAsker, served: Served, seen: Seen, key: MaybeKey
) -> Response:
    """The request has the id of its case; asked again after it ended, it is a new round."""
    async with served.begin() as (tx, work):

        async def ask() -> Response:
            case = await request_placement(work, case_id, body.wanted(), seen=seen, who=who)
            assert case.request is not None
            return answer(201, decided_view(case, placement_request=request_view(case, case.request)), headers=_tagged(case))

        return await once(tx, key, ask)


@router.post("/cases/{case_id}/closure", response_model=ClosedView, summary="Close a case")
async def post_closure(case_id: UUID, body: ClosureForm, *, who: Registrar, served: Served, seen: Seen, key: MaybeKey) -> Response:
    """Unless a place was found, a request for one ends with it."""
    async with served.begin() as (tx, work):

        async def close() -> Response:
            case = await close_case(work, case_id, body.outcome, seen=seen, who=who)
            return answer(200, decided_view(case, outcome=case.outcome), headers=_tagged(case))

        return await once(tx, key, close)


def _tagged(case: Case) -> dict[str, str]:
    return {"ETag": etag(case.version)}
