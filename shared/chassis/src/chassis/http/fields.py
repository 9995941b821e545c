"""What a refused form may say: a pointer to the field and a message, both free of what was sent."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from chassis.errors import FieldError

# Messages of pydantic that quote what was sent; the rest speak of the schema only.
_QUOTING = {
    "union_tag_invalid": "must be one of the known kinds",
    "union_tag_not_found": "lacks the field that tells its kind",
    "uuid_parsing": "must be a UUID",
    "timezone_offset": "must carry the right time zone",
}


def field_errors(errors: Iterable[dict[str, Any]], known_names: frozenset[str]) -> list[FieldError]:
    """Translate pydantic's errors."""
    found = dict.fromkeys((FieldError(_pointer(error["loc"], known_names), _message(error)), error["type"]) for error in errors)
    if any(error.pointer for error, _ in found):
        # "It is no list" about a body that may be one or a list: the branch that was not meant.
        found = {(error, kind): None for error, kind in found if error.pointer or not kind.endswith("_type")}
    return [error for error, _ in found]


@cache
def field_names(annotation: Any) -> frozenset[str]:
    """All field names of a body's schema, at any depth."""
    return frozenset(_names(TypeAdapter(annotation).json_schema(mode="validation")))


def _names(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            yield from properties
        for inner in schema.values():
            yield from _names(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _names(inner)


def _pointer(location: Sequence[str | int], known_names: frozenset[str]) -> str:
    """A JSON pointer: indexes and names of the schema.

    pydantic's location also holds the branches of a union, which are no part of the body, and keys of free mappings, which someone sent.
    """
    place, *parts = location
    if place != "body":
        return "".join(f"/{part}" for part in parts)
    shown = (part for part in parts if isinstance(part, int) or part in known_names)
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in shown)


def _message(error: dict[str, Any]) -> str:
    kind = error["type"]
    if kind in _QUOTING:
        return _QUOTING[kind]
    message = str(error["msg"])
    if kind.endswith("_parsing"):
        # What follows the comma says at which character it went wrong, and which.
        return message.partition(",")[0]
    return message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
