"""Many things a few at a time, so that no transaction takes longer than it may."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

_AT_ONCE = 200


def portions(things: Sequence[T]) -> Iterator[Sequence[T]]:
    """In their order, as many as one transaction can take."""
    for begin in range(0, len(things), _AT_ONCE):
        yield things[begin : begin + _AT_ONCE]
