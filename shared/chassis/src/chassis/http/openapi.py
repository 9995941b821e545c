"""The OpenAPI document says what the chassis does for every route: its refusals, its headers, its token."""

from collections.abc import Callable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from chassis.http.etag import if_match
from chassis.http.idempotency import idempotency_key
from chassis.http.problems import PROBLEM_JSON, PROBLEM_SCHEMA
from chassis.security.auth import Requires

_REFUSALS = {
    "400": "Cannot be parsed, or an unknown query parameter.",
    "401": "No token, or none that counts.",
    "403": "The role, or whose it is, does not allow it.",
    "404": "Not there, or not yours to know of.",
    "409": "The state does not allow it, or the id was used for something else.",
    "412": "It was changed since you saw it.",
    "413": "Too large.",
    "415": "Another content type is needed.",
    "422": "Refused by the schema, a code list or a rule.",
    "428": "`If-Match` is needed.",
    "503": "Try again after `Retry-After` seconds.",
}
_PROBLEM = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}

_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and body gives the first answer again; kept for a day.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The `ETag` of what you saw; without it the answer is 428.",
    "schema": {"type": "string"},
}


def describe(app: FastAPI, routes: Callable[[], Iterator[tuple[str, APIRoute]]]) -> None:
    """Make the app's document say it; `routes` gives every full path with its route."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            components = schema.setdefault("components", {})
            components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
            for unused in ("HTTPValidationError", "ValidationError"):
                components["schemas"].pop(unused, None)
            components.setdefault("securitySchemes", {})["bearer"] = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            for path, route in routes():
                for method in route.methods or ():
                    operation = schema["paths"].get(path, {}).get(method.lower())
                    if operation is not None:
                        _describe_operation(operation, route)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _describe_operation(operation: dict[str, Any], route: APIRoute) -> None:
    calls = set(_calls(route.dependant))
    has_body = "requestBody" in operation
    statuses = {"400", "503"}
    if any(isinstance(call, Requires) for call in calls):
        operation["security"] = [{"bearer": []}]
        statuses |= {"401", "403"}
    if operation.get("parameters"):
        statuses |= {"404", "422"}
    if has_body:
        statuses |= {"404", "409", "413", "415", "422"}
    if idempotency_key in calls:
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
        statuses |= {"409", "422"}
    if if_match in calls:
        operation.setdefault("parameters", []).append(_IF_MATCH)
        statuses |= {"404", "409", "412", "428"}
    # FastAPI's own 422 describes a body that we never send.
    operation["responses"].pop("422", None)
    for status in sorted(statuses):
        operation["responses"].setdefault(status, {"description": _REFUSALS[status], "content": _PROBLEM})


def _calls(dependant: Dependant) -> Iterator[Any]:
    for found in dependant.dependencies:
        yield found.call
        yield from _calls(found)
