"""Cases: registered, shown in the queue and alone, and what happened to them."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from chassis.http.answers import answer
from chassis.http.etag import etag
from chassis.http.idempotency import MaybeKey, once
from chassis.http.pages import Cursor, Limit, after, identifier, instant, next_link, number, page
from chassis.http.route import Router
from chassis.live import STREAM_RESPONSES, LastEventId, Row, live_answer
from contracts.codes import Urgency
from triage.adapters.sql.cases import case_of
from triage.adapters.sql.queries import Filters, Place
from triage.application.permission import may_see, owns, sees_all
from triage.application.refusals import no_such_case
from triage.application.register_case import register_case
from triage.domain.case import Status
from triage.entrypoints.api.forms import ContactForm
from triage.entrypoints.api.views import (
    CasesView,
    CaseView,
    RegisteredView,
    TimelineView,
    case_view,
    decided_view,
    step_view,
)
from triage.entrypoints.api.wiring import Reader, Registrar, Served

router = Router(tags=["cases"])

Region = Annotated[str | None, Query(max_length=16)]

# What a smallint holds.
_RANKS = 2**15


@router.post("/cases", status_code=201, response_model=RegisteredView, summary="Register a contact")
async def post_case(body: ContactForm, who: Registrar, served: Served, key: MaybeKey) -> Response:
    """Who the patient is and what was said go to the vault; the answer repeats none of it."""
    async with served.begin() as (tx, work):

        async def register() -> Response:
            case = await register_case(work, body.contact(), who, served.second_contact_within)
            return answer(201, decided_view(case, second_contact=case.is_second_contact), headers={"ETag": etag(case.version)})

        return await once(tx, key, register)


@router.get("/cases", response_model=CasesView, summary="The queue, most urgent first")
async def get_cases(
    request: Request,
    *,
    who: Reader,
    served: Served,
    vr: Region = None,
    roaz: Region = None,
    urgency: Urgency | None = None,
    status: Status | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Open cases; whoever is no triagist sees their own contacts."""
    reached = after(cursor, number(_RANKS), instant, identifier)
    found = await served.queries.queue(who, Filters(vr, roaz, urgency, status), Place(*reached) if reached else None, limit + 1)
    shown = found[:limit]
    last = None
    if len(found) > limit:
        case = shown[-1][0]
        assert case.queue_rank is not None
        last = (case.queue_rank, case.registered_at, case.case_id)
    return answer(200, page([case_view(case, now) for case, now in shown]), headers=next_link(request, last))


@router.get("/cases/stream", response_class=Response, responses=STREAM_RESPONSES, summary="The queue, live")
async def get_stream(
    request: Request,
    *,
    who: Reader,
    served: Served,
    vr: Region = None,
    roaz: Region = None,
    urgency: Urgency | None = None,
    status: Status | None = None,
    _: LastEventId = None,
) -> Response:
    """The filters of the queue; `gone` when a case leaves it, as one that is handed over to 112 does."""
    filters = Filters(vr, roaz, urgency, status)

    def may_know(row: Row) -> bool:
        return sees_all(who) or owns(who, row["registered_by"], row["organisation"])

    return await live_answer(request, served.live_cases, filters.match, lambda row: case_view(case_of(row), row["now"]), may_know=may_know)


@router.get("/cases/{case_id}", response_model=CaseView, summary="A case")
async def get_case(case_id: UUID, who: Reader, served: Served) -> Response:
    """With its `ETag`, which every decision names."""
    found = await served.queries.case(case_id)
    if found is None or not may_see(who, found[0]):
        raise no_such_case()
    case, now = found
    return answer(200, case_view(case, now), headers={"ETag": etag(case.version)})


@router.get("/cases/{case_id}/timeline", response_model=TimelineView, summary="What happened to a case")
async def get_timeline(
    request: Request, case_id: UUID, *, who: Reader, served: Served, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Oldest first."""
    found = await served.queries.case(case_id)
    if found is None or not may_see(who, found[0]):
        raise no_such_case()
    (reached,) = after(cursor, number(below=2**63)) or (0,)
    steps = await served.queries.timeline(case_id, reached, limit + 1)
    shown = steps[:limit]
    last = (shown[-1].number,) if len(steps) > limit else None
    return answer(200, page([step_view(step) for step in shown]), headers=next_link(request, last))
