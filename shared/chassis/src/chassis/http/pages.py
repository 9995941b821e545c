"""Pages of a list: an opaque cursor that holds the sort key of the last row shown, and a link to the next page."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

import orjson
from fastapi import Query, Request

from chassis.errors import FieldError, Rejected
from chassis.http.answers import json_bytes

MOST = 200

Limit = Annotated[int, Query(ge=1, le=MOST, description="At most so many.")]
Cursor = Annotated[str | None, Query(max_length=200, description="From the `Link` of the page before.")]

Part = Callable[[Any], Any]
"""Reads one part of a sort key from its JSON; raises ValueError or TypeError for what no page of ours wrote."""


def after(cursor: str | None, *parts: Part) -> tuple[Any, ...] | None:
    """The sort key of the last row of the page before, read part by part; None on the first page.

    Raises:
        Rejected: when no page of ours gave this cursor.
    """
    if cursor is None:
        return None
    try:
        return tuple(part(one) for part, one in zip(parts, _key(cursor), strict=True))
    except (ValueError, TypeError):
        raise Rejected(
            "bad-cursor", "The cursor is not one of ours.", errors=[FieldError("/cursor", "comes from the `Link` of the page before")]
        ) from None


def _key(cursor: str) -> list[Any]:
    found = orjson.loads(urlsafe_b64decode(cursor.encode()))
    if not isinstance(found, list):
        raise TypeError("a sort key is a list")
    return found


def text(part: Any) -> str:
    """A text that PostgreSQL can keep."""
    if not isinstance(part, str) or "\x00" in part:
        raise TypeError("this is no text")
    return part


def instant(part: Any) -> datetime:
    """An instant with its offset."""
    at = datetime.fromisoformat(text(part))
    if at.tzinfo is None:
        raise ValueError("an instant has its offset")
    return at


def identifier(part: Any) -> UUID:
    """An id."""
    return UUID(text(part))


def number(below: int) -> Part:
    """A number from 0 on that its column can hold."""

    def read(part: Any) -> int:
        # A bool is an int to Python, and none to PostgreSQL.
        if type(part) is not int or not 0 <= part < below:
            raise ValueError("this is no such number")
        return part

    return read


def next_link(request: Request, last: Sequence[Any] | None) -> dict[str, str]:
    """The header that leads on, after the row with this sort key; none on the last page."""
    if last is None:
        return {}
    asked: list[tuple[str, Any]] = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    query = urlencode([*asked, ("cursor", urlsafe_b64encode(json_bytes(list(last))).decode())])
    return {"Link": f'<{request.url.path}?{query}>; rel="next"'}


def page(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A page of a list."""
    return {"items": items}
