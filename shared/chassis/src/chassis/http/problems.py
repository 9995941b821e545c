"""Errors as RFC 9457 `application/problem+json`: what is wrong and where, never what was sent."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from chassis.errors import FieldError, Rejected, Unavailable
from chassis.http.answers import json_bytes
from chassis.observability.trace_context import current_traceparent
from chassis.security.auth import Unauthorised

PROBLEM_JSON = "application/problem+json"
_TYPE_PREFIX = "urn:nl:zorgcoordinatie:problem:"


def problem(
    slug: str, status: int, detail: str, *, errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """An answer that says what is wrong."""
    return Response(json_bytes(problem_body(slug, status, detail, errors=errors)), status, headers, PROBLEM_JSON)


def problem_body(slug: str, status: int, detail: str, *, errors: Sequence[FieldError] = ()) -> dict[str, Any]:
    """The members of a problem, for answers that carry one in a line of their own."""
    body: dict[str, Any] = {
        "type": _TYPE_PREFIX + slug,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "trace_id": current_trace_id(),
    }
    if errors:
        body["errors"] = [{"pointer": error.pointer, "message": error.message} for error in errors]
    return body


def rejection(rejected: Rejected) -> Response:
    """The answer to what can never succeed."""
    headers = {"WWW-Authenticate": rejected.challenge} if isinstance(rejected, Unauthorised) else None
    return problem(rejected.problem, rejected.status, rejected.detail, errors=rejected.errors, headers=headers)


def unavailability(unavailable: Unavailable) -> Response:
    """The answer to what may succeed in a moment."""
    return problem("unavailable", 503, unavailable.detail, headers={"Retry-After": str(unavailable.retry_after_seconds)})


def current_trace_id() -> str | None:
    """The trace that this is part of, which the logs carry too."""
    traceparent = current_traceparent.get()
    return traceparent[3:35] if traceparent else None


# What an operation may answer besides its own, for the OpenAPI document.
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457; what was sent is never repeated.",
    "required": ["type", "title", "status", "detail", "trace_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "trace_id": {"type": ["string", "null"], "description": "Name it when you ask for help: our logs carry it."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "message"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer into the body; for a parameter, its name after the slash."},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
