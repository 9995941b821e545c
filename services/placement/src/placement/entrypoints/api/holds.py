"""Holds: which places are kept for somebody, for everyone who reads boards; for whom is not told."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from chassis.errors import Rejected
from chassis.http.answers import answer
from chassis.http.pages import Cursor, Limit, after, identifier, next_link, page
from chassis.http.route import Router
from placement.entrypoints.api.views import HoldsView, UnitHoldsView, hold_view, unit_holds_view
from placement.entrypoints.api.wiring import AnyCaller, Served

router = Router(tags=["holds"])

Code = Annotated[str | None, Query(max_length=16)]


@router.get("/holds", response_model=HoldsView, summary="All places that are held")
async def get_holds(
    request: Request, *, _: AnyCaller, served: Served, roaz: Code = None, vr: Code = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """By id, in pages; the regions are those of the units."""
    (reached,) = after(cursor, identifier) or (None,)
    async with served.reading() as queries:
        found = await queries.holds(reached, roaz, vr, limit + 1)
    shown = found[:limit]
    link = next_link(request, (shown[-1]["offer_id"],) if len(found) > limit else None)
    return answer(200, page([hold_view(row) for row in shown]), headers=link)


@router.get("/units/{unit_id}/holds", response_model=UnitHoldsView, summary="All that is held of a unit")
async def get_unit_holds(unit_id: UUID, _: AnyCaller, served: Served) -> Response:
    """Beside what placement knows of its figures; one that is not counted is contained in them already."""
    async with served.reading() as queries:
        unit = await queries.unit(unit_id)
        if unit is None:
            raise Rejected("unit-not-found", "There is no such unit.", status=404)
        holds = await queries.holds_of(unit_id)
        now = await queries.now()
    return answer(200, unit_holds_view(unit, holds, now))
