"""Pages of a list: an opaque cursor that holds the sort key of the last row shown, and a link to the next page."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

import orjson
from fastapi import Query, Request

from chassis.errors import FieldError, Rejected
from chassis.http.answers import json_bytes

MOST = 200

Limit = Annotated[int, Query(ge=1, le=MOST, description="At most so many.")]
Cursor = Annotated[str | None, Query(max_length=200, description="From the `Link` of the page before.")]

Kind = Literal["text", "instant", "id"]


def after(cursor: str | None, *kinds: Kind) -> tuple[Any, ...] | None:
    """The sort key of the last row of the page before, its parts of these kinds.

    Raises:
        Rejected: when no page of ours gave this cursor.
    """
    if cursor is None:
        return None
    try:
        parts = orjson.loads(urlsafe_b64decode(cursor.encode()))
        if not isinstance(parts, list) or len(parts) != len(kinds):
            raise _not_ours()
        return tuple(_read(part, kind) for part, kind in zip(parts, kinds, strict=True))
    except (ValueError, TypeError, AttributeError):
        raise _not_ours() from None


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


def _read(part: Any, kind: Kind) -> Any:
    if not isinstance(part, str) or "\x00" in part:
        raise _not_ours()
    if kind == "instant":
        at = datetime.fromisoformat(part)
        if at.tzinfo is None:
            raise _not_ours()
        return at
    return UUID(part) if kind == "id" else part


def _not_ours() -> Rejected:
    return Rejected(
        "bad-cursor", "The cursor is not one of ours.", errors=[FieldError("/cursor", "comes from the `Link` of the page before")]
    )
