"""The board: the regional picture, whole and live."""

from contextlib import aclosing
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from starlette.responses import Response

from capacity.adapters.sql.queries import ON_BOARD, Wanted, seen_of
from capacity.entrypoints.api.views import BoardView, board_view
from capacity.entrypoints.api.wiring import AnyCaller, Served
from chassis.http.answers import json_bytes
from chassis.http.route import Router
from chassis.live import STREAM_RESPONSES, LastEventId, Live, Row, live_answer
from contracts.codes import CareType, Cohort, Sector

router = Router(tags=["board"])

Code = Annotated[str | None, Query(max_length=16)]


async def wanted(
    roaz: Code = None, vr: Code = None, sector: Sector | None = None, care_type: CareType | None = None, cohort: Cohort | None = None
) -> Wanted:
    """The filters of the board and its stream; a coroutine, because FastAPI calls plain functions in a thread."""
    return Wanted(roaz, vr, sector, care_type, cohort)


async def live_board(request: Request) -> Live:
    """The board that this process follows; a coroutine, as above."""
    followed: Live = request.app.state.board
    return followed


Asked = Annotated[Wanted, Depends(wanted)]


@router.get("/board", response_model=BoardView, summary="Every unit with its figures and what is held of it")
async def get_board(_: AnyCaller, served: Served, asked: Asked) -> Response:
    """Whole. What is held is what placement last told; `holds_changed_at` says how old that is."""
    async with aclosing(served.queries.board(asked)) as pieces:
        written = [json_bytes([board_view(one, served.ages) for one in piece])[1:-1] async for piece in pieces]
    content = b'{"items":[' + b",".join(written) + b"]}"
    return Response(content, headers={"Cache-Control": "no-store"}, media_type="application/json")


@router.get("/board/stream", summary="Every unit that matches, then every change", response_class=Response, responses=STREAM_RESPONSES)
async def get_board_stream(
    request: Request,
    _: AnyCaller,
    served: Served,
    asked: Asked,
    board: Annotated[Live, Depends(live_board)],
    last_event_id: LastEventId = None,
) -> Response:
    """Units as on the board. A figure is unknown from its `fresh_until` on, also when no event has said so yet."""
    del last_event_id  # `live_answer` reads it

    def matches(row: Row) -> bool:
        found = (row["roaz"], row["vr"], row["sector"], row["care_type"], row["cohort"])
        return all(value is None or value == shown for value, shown in zip(asked.on_board, found, strict=True))

    def view(row: Row) -> dict[str, Any]:
        return board_view(seen_of(row), served.ages)

    return await live_answer(request, board, matches, view, where=ON_BOARD, args=asked.on_board)
