"""Answers whose content is known to be right: written by orjson, without the second validation that a response model costs."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel
from starlette.responses import Response


def json_bytes(content: Any) -> bytes:
    """JSON with instants in RFC 3339; models are written as their JSON form."""
    return orjson.dumps(content, default=_plain, option=orjson.OPT_UTC_Z)


def answer(status: int, content: Any, *, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(json_bytes(content), status, headers, "application/json")


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, UUID):
        # asyncpg has its own subclass, which orjson does not know.
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
