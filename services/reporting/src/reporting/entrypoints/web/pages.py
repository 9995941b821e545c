"""The pages of reporting: the national picture, and the way in."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import RedirectResponse
from jinja2 import Environment

from chassis.errors import FieldError, Rejected
from chassis.http.route import Router
from chassis.security.auth import Keyring
from chassis.web.page import Page, page_templates
from chassis.web.static_files import mount_static, static_url
from chassis.web.words import CARE_TYPES, COHORTS, SECTORS
from contracts.codes import CareType, Cohort, Sector
from reporting.entrypoints.web import sums
from reporting.entrypoints.web.national import ALL_CARE_TYPES, ALL_COHORTS, ALL_SECTORS, PAGE, Picked, is_region, national_page
from reporting.entrypoints.web.picture import Picture

STATIC_FOLDER = Path(__file__).parent / "static"
STATIC_PREFIX = "/rapportage/static"
STREAM = "/reporting/v1/national/stream?level=VR&every_ms=200"

# Kafka gives a sign of life every 5 s: after two that did not come a quiet country is a dead stream.
SILENCE = timedelta(seconds=12)

LINKS = (
    {"text": "Landelijk beeld", "href": PAGE, "is_current": True},
    {"text": "Interfaces", "href": "/reporting/docs", "is_current": False},
)

router = Router(include_in_schema=False)


def add_pages(app: FastAPI) -> None:
    """Put the pages and all that they load on an app, whose state carries `picture` and `keyring`."""
    mount_static(app)
    mount_static(app, STATIC_PREFIX, STATIC_FOLDER)
    app.include_router(router)


async def live_picture(request: Request) -> Picture:
    picture: Picture = request.app.state.picture
    return picture


@router.get("/")
@router.get("/rapportage")
@router.get("/rapportage/")
async def way_in() -> RedirectResponse:
    return RedirectResponse(PAGE, status_code=303)


async def picked_in_address(
    # A form sends a field that was left at "all" as an empty one.
    sector: Sector | Literal[""] = "",
    care_type: CareType | Literal[""] = "",
    cohort: Cohort | Literal[""] = "",
    region: Annotated[str, Query(max_length=8)] = "",
) -> Picked:
    """The reader's choice, as forms and links write it.

    Raises:
        Rejected: 422 for a region that there is not.
    """
    if region and not is_region(region):
        raise Rejected("unknown-region", "There is no such veiligheidsregio.", errors=[FieldError("/region", "is not a veiligheidsregio")])
    return Picked(sector or None, care_type or None, cohort or None, region or None)


@router.get(PAGE)
async def national(
    request: Request, picture: Annotated[Picture, Depends(live_picture)], picked: Annotated[Picked, Depends(picked_in_address)]
) -> Page:
    """The national picture, drawn whole; from then on the page follows the stream."""
    now = datetime.now(UTC)
    html = (
        _templates()
        .get_template("landelijk.html")
        .render(
            page=national_page(picture.figures(), picked, now),
            now=now,
            heard_at=picture.heard_at,
            is_heard=picture.heard_at is not None and now - picture.heard_at <= SILENCE,
            links=LINKS,
            who="Bezoeker",
            role="alleen lezen",
        )
    )
    keyring: Keyring = request.app.state.keyring
    cookie = keyring.visitor_cookie()
    return Page(html, headers={"Set-Cookie": cookie} if cookie else None)


@cache
def _templates() -> Environment:
    environment = page_templates(Path(__file__).parent / "templates")
    environment.globals |= {
        "page_script": static_url("landelijk.js", STATIC_PREFIX, STATIC_FOLDER),
        "sums_script": static_url("sums.js", STATIC_PREFIX, STATIC_FOLDER),
        "page_style": static_url("landelijk.css", STATIC_PREFIX, STATIC_FOLDER),
        "stream": STREAM,
        "age_limits": {
            "care_types": {code: _milliseconds(limit) for code, limit in sums.CARE_TYPE_LIMITS.items()},
            "sectors": {code: _milliseconds(limit) for code, limit in sums.SECTOR_LIMITS.items()},
            "other": _milliseconds(sums.OTHER_LIMIT),
            "grace": _milliseconds(sums.GRACE),
        },
        "PAGE": PAGE,
        "SECTORS": SECTORS,
        "CARE_TYPES": CARE_TYPES,
        "COHORTS": COHORTS,
        "ALL_SECTORS": ALL_SECTORS,
        "ALL_CARE_TYPES": ALL_CARE_TYPES,
        "ALL_COHORTS": ALL_COHORTS,
        "level_of": sums.level_of,
    }
    return environment


def _milliseconds(limit: timedelta) -> int:
    return int(limit.total_seconds() * 1000)
