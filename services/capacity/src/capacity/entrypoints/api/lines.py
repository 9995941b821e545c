"""Batches of lines: each is read alone, and the good ones of a chunk are done in one transaction."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from chassis.errors import Rejected, Unavailable
from chassis.http.answers import json_bytes
from chassis.http.fields import field_errors, field_names
from chassis.http.ndjson import MEDIA_TYPE, Chunk
from chassis.http.problems import problem_body

F = TypeVar("F", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Result:
    """The members of a result line, and why the line is refused, if it is."""

    members: Mapping[str, Any]
    refused: Rejected | None = None


_NUL_ESCAPE = b"\\u0000"


def read_line(form: type[F], content: bytes) -> F:
    """A line as a form.

    Raises:
        Rejected: 400 when it is no JSON, 422 when it is not such a form; without what was sent.
    """
    if _NUL_ESCAPE in content:
        raise Rejected("not-text", "Text may not contain NUL characters.")
    try:
        return form.model_validate_json(content)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_input=False, include_context=False)
        if any(error["type"] == "json_invalid" for error in errors):
            raise Rejected("malformed-json", "The line cannot be read as JSON.", status=400) from None
        located = [{**error, "loc": ("body", *error["loc"])} for error in errors]
        raise Rejected("invalid", "Some fields are not as they must be.", errors=field_errors(located, field_names(form))) from None


async def answer_lines(
    chunk: Chunk, read: Callable[[bytes], F], do: Callable[[Sequence[F]], Awaitable[Sequence[Result]]], blank: Mapping[str, Any]
) -> list[bytes]:
    """Do what can be done of a chunk; gives a result line for every line.

    Args:
        chunk: the lines.
        read: makes a form of a line, or raises `Rejected`.
        do: does all good ones in one transaction; one result each.
        blank: the members that a result line always has.
    """
    results: dict[int, Result] = {}
    good: dict[int, F] = {}
    for line in chunk:
        try:
            if isinstance(line.content, Rejected):
                raise line.content
            good[line.number] = read(line.content)
        except Rejected as rejected:
            results[line.number] = Result({}, rejected)
    try:
        results.update(zip(good, await do(list(good.values())) if good else (), strict=True))
    except Unavailable as away:
        # Lines before these were taken and told so. These were not, and may be sent again: their ids keep them from counting twice.
        results.update(dict.fromkeys(good, Result({}, Rejected("unavailable", away.detail, status=503))))
    return [_line(line.number, results[line.number], blank) for line in chunk]


def _line(number: int, result: Result, blank: Mapping[str, Any]) -> bytes:
    refused = result.refused
    problem = None if refused is None else problem_body(refused.problem, refused.status, refused.detail, errors=refused.errors)
    status = {} if refused is None else {"status": refused.status}
    return json_bytes({"line": number, **blank, **result.members, **status, "problem": problem})


def described(result: str) -> dict[str, Any]:
    """How a batch's body is described in the OpenAPI document."""
    lines = {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}
    return {
        "openapi_extra": {"requestBody": {"required": True, **lines}},
        "responses": {200: {"description": f"A result a line: {result}", **lines}},
    }
