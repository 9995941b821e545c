"""The LCPS daily feed, as LCPS writes it and with what is behind it."""

from datetime import date
from typing import Annotated

from fastapi import Depends, Query, Request
from starlette.responses import Response

from chassis.http.answers import answer
from chassis.http.route import Router
from chassis.security.auth import Caller, Requires
from chassis.security.roles import NATIONAL_READERS
from reporting.application.ports import DayTold
from reporting.application.read_feed import FeedRead, ReadFeed
from reporting.domain.feed import COLUMNS, Cells, Coverage, as_csv
from reporting.entrypoints.api.views import FeedView

router = Router(tags=["feeds"])

Reader = Annotated[Caller, Depends(Requires(NATIONAL_READERS))]


async def read_feed(request: Request) -> ReadFeed:
    """The use case of this process."""
    use_case: ReadFeed = request.app.state.read_feed
    return use_case


async def feed_asked(
    use_case: Annotated[ReadFeed, Depends(read_feed)],
    first: Annotated[date | None, Query(alias="from", description="The first day; 30 days before the last when left out.")] = None,
    last: Annotated[date | None, Query(alias="to", description="The last day, included; today when left out.")] = None,
) -> FeedRead:
    """The days asked for."""
    return await use_case(first, last)


Asked = Annotated[FeedRead, Depends(feed_asked)]


@router.get(
    "/feeds/lcps.csv",
    summary="The LCPS daily feed",
    response_class=Response,
    responses={
        200: {"description": "One row a day; empty where nothing is known.", "content": {"text/csv": {"schema": {"type": "string"}}}}
    },
)
async def get_lcps_csv(_: Reader, asked: Asked) -> Response:
    """LCPS's own columns and date form; beds are occupied beds, a day is a local one."""
    text = as_csv(asked.days, {day: told.cells for day, told in asked.told.items()})
    return Response(text, headers={"Cache-Control": "no-store"}, media_type="text/csv")


@router.get("/feeds/lcps.json", response_model=FeedView, summary="The LCPS daily feed with what is behind each cell")
async def get_lcps_json(_: Reader, asked: Asked) -> Response:
    """The same numbers, and of how many hospitals and units each is the sum."""
    return answer(200, {"items": [_day(day, asked) for day in asked.days]}, headers={"Cache-Control": "no-store"})


def _day(day: date, asked: FeedRead) -> dict[str, object]:
    told = asked.told.get(day)
    return {
        "date": day,
        "said_at": told.said_at if told else None,
        "columns": {column.name: _cell(column.cell, told, asked) for column in COLUMNS},
    }


def _cell(cell: str, told: DayTold | None, asked: FeedRead) -> dict[str, object]:
    behind = told.coverage.get(cell, Coverage()) if told else Coverage()
    registered = asked.registered.get(cell, Coverage())
    return {
        "value": getattr(told.cells if told else Cells(), cell),
        "hospitals_reported": behind.hospitals,
        # A hospital that has left since has still reported.
        "hospitals": max(registered.hospitals, behind.hospitals),
        "units_reported": behind.units,
        "units_known": behind.units_known,
        "units": max(registered.units, behind.units),
    }
