"""Pages of a list: an opaque cursor, and a link to the next page."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

import orjson
from fastapi import Query, Request

from chassis.errors import FieldError, Rejected

MOST = 200

Limit = Annotated[int, Query(ge=1, le=MOST, description="At most so many.")]
Cursor = Annotated[str | None, Query(max_length=200, description="From the `Link` of the page before.")]


def after_id(cursor: str | None) -> UUID | None:
    """The last id of the page before."""
    if cursor is None:
        return None
    try:
        return UUID(bytes=urlsafe_b64decode(cursor.encode()))
    except ValueError:
        raise _not_ours() from None


def before_moment(cursor: str | None) -> tuple[datetime, int] | None:
    """The last moment and number of the page before."""
    if cursor is None:
        return None
    try:
        moment, number = orjson.loads(urlsafe_b64decode(cursor.encode()))
        at = datetime.fromisoformat(moment)
        if at.tzinfo is None or not 0 <= int(number) < 2**63:
            raise _not_ours()
        return at, int(number)
    except (ValueError, TypeError):
        raise _not_ours() from None


def cursor_of(last: UUID | tuple[datetime, int]) -> str:
    """The cursor after this one."""
    content = last.bytes if isinstance(last, UUID) else orjson.dumps([last[0], last[1]])
    return urlsafe_b64encode(content).decode()


def next_link(request: Request, last: UUID | tuple[datetime, int] | None) -> dict[str, str]:
    """The header that leads on; none on the last page."""
    if last is None:
        return {}
    asked: list[tuple[str, Any]] = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    query = urlencode([*asked, ("cursor", cursor_of(last))])
    return {"Link": f'<{request.url.path}?{query}>; rel="next"'}


def _not_ours() -> Rejected:
    return Rejected(
        "bad-cursor", "The cursor is not one of ours.", errors=[FieldError("/cursor", "comes from the `Link` of the page before")]
    )
