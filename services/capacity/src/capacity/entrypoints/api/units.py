"""Units: registered, shown, confirmed, and what was said about them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from capacity.adapters.sql.queries import Observation, Wanted
from capacity.application.confirm_unit import confirm_unit
from capacity.application.register_units import change_unit, register_units
from capacity.domain.holds import UnitHolds
from capacity.domain.unit import Unit
from capacity.entrypoints.api.forms import NewUnit, UnitChange
from capacity.entrypoints.api.views import HistoryView, UnitIdView, UnitsView, UnitView, unit_view
from capacity.entrypoints.api.whole import all_or_none
from capacity.entrypoints.api.wiring import AnyCaller, Capacity, Registrar, Seen, Served
from chassis.errors import Rejected
from chassis.http.answers import answer
from chassis.http.etag import etag
from chassis.http.forms import Instant
from chassis.http.idempotency import MaybeKey, once
from chassis.http.pages import Cursor, Limit, after, identifier, instant, next_link, number, page
from chassis.http.route import Router
from contracts.codes import CareType, Cohort, Sector

router = Router(tags=["units"])

Code = Annotated[str | None, Query(max_length=16)]


@router.post("/units", status_code=201, response_model=UnitIdView, responses={200: {"model": UnitIdView}}, summary="Register a unit")
async def post_unit(body: NewUnit, who: Registrar, served: Served, key: MaybeKey) -> Response:
    """An `external_id` that is known already updates its unit, and is answered with 200."""
    async with served.begin() as (tx, work):

        async def register() -> Response:
            (registered,) = all_or_none(await register_units(work, [(body.stated(), who)]), is_list=False)
            return answer(201 if registered.is_new else 200, {"unit_id": registered.id}, headers={"ETag": etag(registered.version)})

        return await once(tx, key, register)


@router.get("/units", response_model=UnitsView, summary="Units with their current figures")
async def get_units(
    request: Request,
    *,
    _: AnyCaller,
    served: Served,
    roaz: Code = None,
    vr: Code = None,
    sector: Sector | None = None,
    care_type: CareType | None = None,
    cohort: Cohort | None = None,
    location_id: UUID | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """By id, in pages."""
    (reached,) = after(cursor, identifier) or (None,)
    found = await served.queries.units(Wanted(roaz, vr, sector, care_type, cohort, location_id), reached, limit + 1)
    shown = found[:limit]
    last = (shown[-1].unit.registration.unit_id,) if len(found) > limit else None
    views = [unit_view(seen.unit, seen.holds, served.ages, seen.now) for seen in shown]
    return answer(200, page(views), headers=next_link(request, last))


@router.get("/units/{unit_id}", response_model=UnitView, summary="A unit with its current figures")
async def get_unit(unit_id: UUID, _: AnyCaller, served: Served) -> Response:
    """With its `ETag`, which a confirmation or change names."""
    seen = await served.queries.unit(unit_id)
    if seen is None:
        raise Rejected("unit-not-found", "There is no such unit.", status=404)
    return _shown(served, seen.unit, seen.holds, seen.now)


@router.patch("/units/{unit_id}", response_model=UnitView, summary="Change a unit")
async def patch_unit(unit_id: UUID, body: UnitChange, who: Registrar, served: Served, seen: Seen) -> Response:
    """What is left out keeps its value."""
    async with served.begin() as (_, work):
        unit = await change_unit(work, unit_id, body.stated(), seen, who)
        holds = await work.holds.of([unit_id])
        now = await work.now()
    return _shown(served, unit, holds[unit_id], now)


@router.post("/units/{unit_id}/confirmation", response_model=UnitView, summary="Nothing changed")
async def post_confirmation(unit_id: UUID, who: Registrar, served: Served, seen: Seen, key: MaybeKey) -> Response:
    """Refreshes the figures that were seen, never newer ones."""
    async with served.begin() as (tx, work):

        async def confirm() -> Response:
            unit = await confirm_unit(work, unit_id, seen, who)
            holds = await work.holds.of([unit_id])
            return _shown(served, unit, holds[unit_id], unit.recorded_at)

        return await once(tx, key, confirm)


@router.get("/units/{unit_id}/history", response_model=HistoryView, summary="What was said about a unit")
async def get_history(
    request: Request,
    unit_id: UUID,
    *,
    _: AnyCaller,
    served: Served,
    begin: Annotated[Instant | None, Query(alias="from", description="Observed from then on.")] = None,
    end: Annotated[Instant | None, Query(alias="to", description="Observed before then.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Newest observation first, all revisions, confirmations too."""
    if await served.queries.unit(unit_id) is None:
        raise Rejected("unit-not-found", "There is no such unit.", status=404)
    reached = after(cursor, instant, number(below=2**63))
    found = await served.queries.history(unit_id, begin, end, reached, limit + 1)
    shown = found[:limit]
    last = (shown[-1].report.observed_at, shown[-1].number) if len(found) > limit else None
    return answer(200, page([_observation(one) for one in shown]), headers=next_link(request, last))


def _shown(served: Capacity, unit: Unit, holds: UnitHolds, now: datetime) -> Response:
    return answer(200, unit_view(unit, holds, served.ages, now), headers={"ETag": etag(unit.version)})


def _observation(one: Observation) -> dict[str, Any]:
    report = one.report
    return {
        "report_id": report.report_id,
        "revision": report.revision,
        "retracted": report.is_retracted,
        "kind": one.kind,
        "source": report.source,
        "observed_at": report.observed_at,
        "recorded_at": one.recorded_at,
        "stated": [*report.stated, *(["closed_reason"] if report.closed else [])],
        "total": report.figures.get("total"),
        "open": report.figures.get("open"),
        "occupied": report.figures.get("occupied"),
        "reserved": report.figures.get("reserved"),
        "closed_reason": report.closed.code if report.closed else None,
        "closed_reason_sent": report.closed.sent if report.closed else None,
    }
