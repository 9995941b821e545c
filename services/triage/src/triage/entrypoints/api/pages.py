"""Pages of a list: an opaque cursor, and a link to the next page."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

import orjson
from fastapi import Query, Request

from chassis.errors import FieldError, Rejected
from triage.adapters.sql.queries import Place

_MOST = 200
_LARGEST_NUMBER = 2**63
_LARGEST_RANK = 2**15

Limit = Annotated[int, Query(ge=1, le=_MOST, description="At most so many.")]
Cursor = Annotated[str | None, Query(max_length=300, description="From the `Link` of the page before.")]


def after_place(cursor: str | None) -> Place | None:
    """Where in the queue the page before ended."""
    if cursor is None:
        return None
    try:
        rank, registered_at, case_id = _read(cursor)
        place = Place(int(rank), datetime.fromisoformat(registered_at), UUID(case_id))
    except (ValueError, TypeError, AttributeError):
        raise _not_ours() from None
    if place.registered_at.tzinfo is None or not 0 <= place.rank < _LARGEST_RANK:
        raise _not_ours()
    return place


def after_number(cursor: str | None) -> int:
    """The last entry of the page before."""
    if cursor is None:
        return 0
    try:
        number = int(_read(cursor))
    except (ValueError, TypeError):
        raise _not_ours() from None
    if not 0 <= number < _LARGEST_NUMBER:
        raise _not_ours()
    return number


def next_link(request: Request, last: tuple[int, datetime, UUID] | int | None) -> dict[str, str]:
    """The header that leads on; none on the last page."""
    if last is None:
        return {}
    cursor = urlsafe_b64encode(orjson.dumps(last, default=str)).decode()
    asked: list[tuple[str, Any]] = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    query = urlencode([*asked, ("cursor", cursor)])
    return {"Link": f'<{request.url.path}?{query}>; rel="next"'}


def _read(cursor: str) -> Any:
    return orjson.loads(urlsafe_b64decode(cursor.encode()))


def _not_ours() -> Rejected:
    return Rejected(
        "bad-cursor", "The cursor is not one of ours.", errors=[FieldError("/cursor", "comes from the `Link` of the page before")]
    )
