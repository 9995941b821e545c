"""Requests: who needs a place, who can be asked, asking them, and asking no more."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from chassis.errors import Rejected
from chassis.http.answers import answer
from chassis.http.etag import etag
from chassis.http.idempotency import MaybeKey, once
from chassis.http.pages import MOST, Cursor, Limit, after, identifier, instant, next_link, page, text
from chassis.http.problems import problem_body
from chassis.http.route import Router
from chassis.live import STREAM_RESPONSES, LastEventId, live_answer
from contracts.codes import CareType, Cohort, Urgency
from placement.adapters.sql.candidates import SqlChoice
from placement.adapters.sql.queries import Condition, Queries, all_hold, where
from placement.adapters.sql.requests import request_of
from placement.application.cancel_request import cancel_request
from placement.application.candidates import candidates, explained
from placement.application.make_offers import make_offers
from placement.domain.offer import Offer
from placement.domain.states import RequestStatus
from placement.entrypoints.api.forms import CancellationForm, OffersForm
from placement.entrypoints.api.sight import request_sight, seen_request
from placement.entrypoints.api.views import (
    CandidatesView,
    OffersMadeView,
    RequestsView,
    RequestView,
    RequestWithOffersView,
    candidates_view,
    request_view,
    request_with_offers,
)
from placement.entrypoints.api.wiring import Canceller, Offerer, RequestReader, Seen, Served

router = Router(tags=["requests"])

Code = Annotated[str | None, Query(max_length=16)]
Shown = Annotated[int, Query(ge=1, le=MOST, description="At most so many candidates; the best.")]


@router.get("/requests", response_model=RequestsView, summary="Open requests, the first to be helped first")
async def get_requests(
    request: Request,
    *,
    who: RequestReader,
    served: Served,
    vr: Code = None,
    roaz: Code = None,
    urgency: Urgency | None = None,
    care_type: CareType | None = None,
    cohort: Cohort | None = None,
    status: RequestStatus | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Most urgent first; those that had a place and lost it before others of their urgency, then the longest waiting."""
    wanted = _wanted(region=vr, roaz=roaz, urgency=urgency, care_type=care_type, cohort=cohort, status=status)
    async with served.reading() as queries:
        found = await queries.requests((*request_sight(who), *wanted), after(cursor, text, instant, identifier), limit + 1)
    shown = found[:limit]
    last = (shown[-1]["queue"], shown[-1]["requested_at"], shown[-1]["id"]) if len(found) > limit else None
    return answer(200, page([request_view(row) for row in shown]), headers=next_link(request, last))


@router.get("/requests/stream", response_class=Response, responses=STREAM_RESPONSES, summary="Open requests, live")
async def get_requests_stream(
    request: Request,
    *,
    who: RequestReader,
    served: Served,
    _: LastEventId = None,
    vr: Code = None,
    roaz: Code = None,
    urgency: Urgency | None = None,
    care_type: CareType | None = None,
    cohort: Cohort | None = None,
    status: RequestStatus | None = None,
) -> Response:
    """First all that match, then each as it changes."""
    sight, wanted = request_sight(who), _wanted(region=vr, roaz=roaz, urgency=urgency, care_type=care_type, cohort=cohort, status=status)
    condition, args = where((*sight, *wanted))
    return await live_answer(
        request,
        served.requests,
        lambda row: all_hold(wanted, row),
        request_view,
        may_know=lambda row: all_hold(sight, row),
        where=condition,
        args=args,
    )


@router.get("/requests/{case_id}", response_model=RequestWithOffersView, summary="A request with everyone who was asked")
async def get_request(case_id: UUID, who: RequestReader, served: Served) -> Response:
    """With its `ETag`, which a cancellation names; a request has the id of its case."""
    async with served.reading() as queries:
        row = seen_request(who, await queries.request_row(case_id))
        offers = await queries.offers_of(case_id)
    return answer(200, request_with_offers(row, offers, who), headers={"ETag": etag(row["version"])})


@router.get("/requests/{case_id}/candidates", response_model=CandidatesView, summary="Who can be asked, best first, and why others cannot")
async def get_candidates(
    case_id: UUID,
    *,
    who: RequestReader,
    served: Served,
    unit_id: Annotated[UUID | None, Query(description="Explain this one too.")] = None,
    limit: Shown = 20,
) -> Response:
    """By the same ranking as the automatic search uses; `left_out` counts every other unit of the care type under its first reason.

    Those of other regions as they were at most ten seconds ago.
    """
    async with served.reading() as queries:
        row = seen_request(who, await queries.request_to_rank(case_id))
        request, now = request_of(row), row["now"]
        choice = SqlChoice(queries.connection, served.census)
        ranking = await candidates(choice, request, now)
        one = await explained(choice, request, ranking, unit_id, now) if unit_id is not None else None
        if unit_id is not None and one is None:
            raise Rejected("unit-not-found", "There is no such unit.", status=404)
    return answer(200, candidates_view(row, ranking, limit, one, now))


@router.post("/requests/{case_id}/offers", status_code=201, response_model=OffersMadeView, summary="Offer places and hold them")
async def post_offers(case_id: UUID, body: OffersForm, who: Offerer, served: Served, key: MaybeKey) -> Response:
    """A result per unit, in the order in which they are named; when none of them has a place, 409 `place-gone`."""
    async with served.begin() as (tx, work):

        async def offer() -> Response:
            results = await make_offers(work, case_id, body.unit_ids, body.answer_by, who)
            named = zip(body.unit_ids, results, strict=True)
            return answer(201, {"results": [_offered(unit_id, result) for unit_id, result in named]})

        return await once(tx, key, offer)


@router.post("/requests/{case_id}/cancellation", response_model=RequestView, summary="No place is needed any more")
async def post_cancellation(
    case_id: UUID, *, body: CancellationForm, who: Canceller, served: Served, seen: Seen, key: MaybeKey
) -> Response:
    """Ends open offers; after acceptance it releases the place."""
    async with served.begin() as (tx, work):

        async def cancel() -> Response:
            await cancel_request(work, case_id, body.reason, seen, who)
            row = await Queries(tx.connection).request_row(case_id)
            assert row is not None
            return answer(200, request_view(row), headers={"ETag": etag(row["version"])})

        return await once(tx, key, cancel)


def _wanted(**asked: str | None) -> tuple[Condition, ...]:
    return tuple(Condition({column: frozenset({str(value)})}) for column, value in asked.items() if value is not None)


def _offered(unit_id: UUID, result: Offer | Rejected) -> Mapping[str, Any]:
    if isinstance(result, Rejected):
        problem = problem_body(result.problem, result.status, result.detail, errors=result.errors)
        return {
            "unit_id": unit_id,
            "status": result.status,
            "offer_id": None,
            "token": None,
            "answer_by": None,
            "etag": None,
            "problem": problem,
        }
    return {
        "unit_id": unit_id,
        "status": 201,
        "offer_id": result.offer_id,
        "token": result.token,
        "answer_by": result.answer_by,
        "etag": etag(result.version),
        "problem": None,
    }
