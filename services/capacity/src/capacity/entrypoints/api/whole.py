"""A list that is taken whole or not at all."""

from collections.abc import Sequence
from typing import TypeVar

from chassis.errors import FieldError, Rejected

T = TypeVar("T")


def all_or_none(verdicts: Sequence[T | Rejected], *, is_list: bool) -> list[T]:
    """What was taken.

    Raises:
        Rejected: when anything was not, which undoes the rest; it points at every item that is wrong.
    """
    refused = [(nth, verdict) for nth, verdict in enumerate(verdicts) if isinstance(verdict, Rejected)]
    if not refused:
        return [verdict for verdict in verdicts if not isinstance(verdict, Rejected)]
    first = refused[0][1]
    if not is_list:
        raise first
    errors = [
        FieldError(f"/{nth}{error.pointer}", error.message)
        for nth, verdict in refused
        for error in verdict.errors or (FieldError("", verdict.detail),)
    ]
    raise Rejected(first.problem, first.detail, status=first.status, errors=errors)
