"""A route that refuses, before anything is done, what it would otherwise ignore or misread: the caller first, then the form."""

from collections.abc import Awaitable, Callable, Iterator
from inspect import iscoroutinefunction
from typing import Any, Final, get_args, get_origin

import orjson
from fastapi import APIRouter, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import Response

from chassis.errors import FieldError, Rejected
from chassis.http.fields import field_names
from chassis.security.auth import Requires

LARGEST_BODY: Final = 1024 * 1024

_NUL_ESCAPE: Final = b"\\u0000"


class Body(Request):
    """A request whose body is read once, within its limit, and parsed once, strictly."""

    _parsed: Any = None

    async def read(self) -> bytes:
        """The body.

        Raises:
            Rejected: 413 when it is longer than allowed, as soon as that shows.
        """
        announced = self.headers.get("content-length")
        if announced is not None and int(announced) > LARGEST_BODY:
            raise _too_large()
        pieces: list[bytes] = []
        size = 0
        async for piece in self.stream():
            size += len(piece)
            if size > LARGEST_BODY:
                raise _too_large()
            pieces.append(piece)
        self._body = b"".join(pieces)
        return self._body

    def parse(self) -> None:
        """Parse the body as JSON; NaN, lone surrogates and 64-bit overflow of the depth of nesting are no JSON.

        Raises:
            Rejected: 400 when it is no JSON, 422 when text in it holds a NUL, which PostgreSQL cannot keep.
        """
        try:
            self._parsed = orjson.loads(self._body)
        except orjson.JSONDecodeError:
            raise Rejected("malformed-json", "The body cannot be read as JSON.", status=400) from None
        # Only text with this escape can hold a NUL: a bare one is no JSON.
        if _NUL_ESCAPE in self._body and (pointer := _nul_in(self._parsed, "")) is not None:
            raise Rejected("not-text", "Text may not contain NUL characters.", errors=[FieldError(pointer, "contains a NUL character")])

    async def json(self) -> Any:
        """The parsed body."""
        return self._parsed


class Route(APIRoute):
    """Order of checks: token and role, query parameters, content type, size, JSON; then FastAPI's own."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]  # Coroutine there; nobody sends into it
        """Put the checks before the handler.

        Raises:
            ValueError: when the route or what it depends on is a plain function. FastAPI calls those in a thread, where they wait for
                Python's lock: milliseconds for what takes microseconds.
        """
        handle = super().get_route_handler()
        if plain := [found.call for found in (self.dependant, *_all(self.dependant)) if not _is_coroutine_function(found.call)]:
            raise ValueError(f"make these coroutines: {plain}")
        guards = [found.call for found in _all(self.dependant) if isinstance(found.call, Requires)]
        single, repeated = _query_names(self.dependant)
        wants_json = self.body_field is not None
        needs_body = self.body_field is not None and self.body_field.field_info.is_required()

        async def guarded(request: Request) -> Response:
            for guard in guards:
                guard.check(request)
            if request.scope["query_string"]:
                _check_query(request, single, repeated)
            if not wants_json:
                return await handle(request)
            body = Body(request.scope, request.receive)
            content_type = request.headers.get("content-type")
            if content_type is not None and not _is_json(content_type):
                raise _unsupported()
            if await body.read():
                if content_type is None:
                    raise _unsupported()
                body.parse()
            elif needs_body:
                raise Rejected("malformed-json", "The body is empty where JSON is needed.", status=400)
            return await handle(body)

        return guarded

    @property
    def known_names(self) -> frozenset[str]:
        """The field names that an error may point at; other names in a body are what someone sent."""
        if self.body_field is None:
            return frozenset()
        annotation: Any = self.body_field.field_info.annotation
        return field_names(annotation)


class Router(APIRouter):
    """The router for routes of a service: `Router(tags=["units"])`."""

    def __init__(self, **options: Any) -> None:
        """Take FastAPI's options."""
        super().__init__(route_class=Route, redirect_slashes=False, **options)


def _all(dependant: Dependant) -> Iterator[Dependant]:
    for found in dependant.dependencies:
        yield found
        yield from _all(found)


def _is_coroutine_function(call: Any) -> bool:
    return iscoroutinefunction(call) or iscoroutinefunction(type(call).__call__)


def _query_names(dependant: Dependant) -> tuple[frozenset[str], frozenset[str]]:
    """The query parameters that are served: those that may be given once, and those that may be repeated."""
    single: set[str] = set()
    repeated: set[str] = set()
    for part in (dependant, *_all(dependant)):
        for parameter in part.query_params:
            annotation = parameter.field_info.annotation
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                for name, inner in annotation.model_fields.items():
                    (repeated if _is_list(inner.annotation) else single).add(inner.alias or name)
            else:
                (repeated if _is_list(annotation) else single).add(parameter.alias)
    return frozenset(single), frozenset(repeated)


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) in (list, set, tuple, frozenset) or any(_is_list(inner) for inner in get_args(annotation))


def _check_query(request: Request, single: frozenset[str], repeated: frozenset[str]) -> None:
    seen: set[str] = set()
    for name, value in request.query_params.multi_items():
        if name not in single and name not in repeated:
            served = ", ".join(sorted(single | repeated)) or "none"
            raise Rejected("unknown-query-parameter", f"There is a query parameter that is not served here; served: {served}.", status=400)
        if name in seen and name not in repeated:
            raise Rejected(
                "repeated-query-parameter",
                "A query parameter was given twice.",
                status=400,
                errors=[FieldError(f"/{name}", "was given twice")],
            )
        if "\x00" in value:
            raise Rejected("not-text", "Text may not contain NUL characters.", errors=[FieldError(f"/{name}", "contains a NUL character")])
        seen.add(name)


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


def _nul_in(value: Any, pointer: str) -> str | None:
    if isinstance(value, str):
        return pointer if "\x00" in value else None
    inner: Iterator[tuple[str, Any]]
    if isinstance(value, dict):
        if any("\x00" in name for name in value):
            return pointer
        # A name is shown by its place: it is part of what was sent.
        inner = ((pointer, item) for item in value.values())
    elif isinstance(value, list):
        inner = ((f"{pointer}/{index}", item) for index, item in enumerate(value))
    else:
        return None
    return next((found for place, item in inner if (found := _nul_in(item, place)) is not None), None)


def _too_large() -> Rejected:
    return Rejected("too-large", "A body has at most 1 MB; send a batch as NDJSON.", status=413)


def _unsupported() -> Rejected:
    return Rejected("unsupported-media-type", "Send `Content-Type: application/json`.", status=415)
