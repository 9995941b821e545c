"""The national picture: whole, and live."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Literal

import orjson
from fastapi import Depends, Header, Query, Request
from starlette.responses import Response

from chassis.errors import FieldError, Rejected
from chassis.http.answers import answer
from chassis.http.route import Router
from chassis.http.sse import sse_response
from chassis.security.auth import Caller, Requires
from chassis.security.roles import NATIONAL_READERS, Role
from contracts.codes import CareType, Cohort, Level, Sector
from reporting.application.live_picture import LivePicture, Shown
from reporting.application.read_placements import ReadPlacements
from reporting.domain.figure import Wanted, regions
from reporting.domain.suppression import HIDDEN, suppressed_keys
from reporting.entrypoints.api.placements import placement_items
from reporting.entrypoints.api.views import NationalView, PlacementsView

router = Router(tags=["national"])

Reader = Annotated[Caller, Depends(Requires(NATIONAL_READERS))]
# Between two values of a small count lies what was hidden: whoever watches them change can work it out.
LiveReader = Annotated[Caller, Depends(Requires(NATIONAL_READERS - {Role.ANALYST}))]

_ALL_REGIONS = frozenset[str]().union(*regions().values())


async def wanted(
    level: Annotated[Level | None, Query(description="NL, ROAZ or VR.")] = None,
    region: Annotated[
        str | None, Query(description="NL, a ROAZ code, VR01 … VR25, or ONBEKEND.", json_schema_extra={"enum": sorted(_ALL_REGIONS)})
    ] = None,
    sector: Sector | None = None,
    care_type: CareType | None = None,
    cohort: Cohort | None = None,
) -> Wanted:
    """The filters of the picture and its stream.

    Raises:
        Rejected: 422 for a region that there is not, or not at that level.
    """
    known = regions()[level] if level is not None else _ALL_REGIONS
    if region is not None and region not in known:
        raise Rejected("unknown-region", "There is no such region at this level.", errors=[FieldError("/region", "is not a region")])
    return Wanted(level, region, sector, care_type, cohort)


async def live_picture(request: Request) -> LivePicture:
    """The picture that this process holds."""
    picture: LivePicture = request.app.state.picture
    return picture


async def read_placements(request: Request) -> ReadPlacements:
    """The use case of this process."""
    use_case: ReadPlacements = request.app.state.read_placements
    return use_case


Asked = Annotated[Wanted, Depends(wanted)]
Picture = Annotated[LivePicture, Depends(live_picture)]


@router.get("/national", response_model=NationalView | PlacementsView, summary="Every current figure, or what placement did day by day")
async def get_national(
    *,
    who: Reader,
    asked: Asked,
    picture: Picture,
    placements: Annotated[ReadPlacements, Depends(read_placements)],
    figure: Annotated[Literal["beds", "placements"], Query(description="What is counted: beds now, or placements per local day.")] = "beds",
    first: Annotated[date | None, Query(alias="from", description="Of `placements`: the first day; the last one when left out.")] = None,
    last: Annotated[date | None, Query(alias="to", description="Of `placements`: the last day, included; today when left out.")] = None,
) -> Response:
    """Only the finest figures; those of one level add up to the country.

    Of `beds` an `analyst` gets small counts suppressed. Of `placements`, counts of patients under 5 are seen by `lcps` and `admin`, and by
    `coordinator`, `rcps`, `roaz` and `dpg` in their own region.
    """
    if figure == "placements":
        items = placement_items(await placements(asked, first, last, who))
        return answer(200, {"now": datetime.now(UTC), "items": items}, headers={"Cache-Control": "no-store"})
    if first is not None or last is not None:
        raise Rejected(
            "unknown-query-parameter", "Beds are shown as they are now: `from` and `to` go with `figure=placements`.", status=400
        )
    position, shown = picture.snapshot(asked)
    written = _suppressed(shown, picture) if who.role is Role.ANALYST else [one.data for one in shown]
    head = orjson.dumps({"id": str(position), "now": datetime.now(UTC), "heard_at": picture.heard_at}, option=orjson.OPT_UTC_Z)
    return Response(
        head[:-1] + b',"items":[' + b",".join(written) + b"]}",
        headers={"Cache-Control": "no-store"},
        media_type="application/json",
    )


@router.get(
    "/national/stream",
    summary="Every current figure, then every change",
    response_class=Response,
    responses={
        200: {
            "description": "Server-sent events: unnamed ones carry a figure each, `tick` the time every 5 s, `reset` that all begins anew.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def get_national_stream(
    _: LiveReader,
    asked: Asked,
    picture: Picture,
    every_ms: Annotated[
        int | None, Query(ge=20, le=60_000, description="Changes of so long leave together, the last of each figure only.")
    ] = None,
    last_event_id: Annotated[str | None, Header(max_length=1_000, description="Go on from here, at any process.")] = None,
) -> Response:
    """On connect everything that matches, or what has changed since `Last-Event-ID`; then each change."""
    # Refused before the stream begins: once it has, there is no status left to say it with.
    picture.snapshot(asked)
    return sse_response(picture.follow(asked, None if every_ms is None else every_ms / 1_000, last_event_id))


def _suppressed(shown: Sequence[Shown], picture: LivePicture) -> list[bytes]:
    # Judged on the whole picture: what was asked for is only a part of what a reader can ask for.
    hidden = suppressed_keys(picture.figures())
    withheld = dict.fromkeys(HIDDEN)
    return [orjson.dumps(orjson.loads(one.data) | (withheld | {"suppressed": True} if one.beds.subject in hidden else {})) for one in shown]
