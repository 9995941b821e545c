"""Two kinds of trouble: what can never succeed, and what may succeed when it is tried again."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: a JSON pointer into the body, and a message that never repeats the value."""

    pointer: str
    message: str


class Rejected(Exception):  # noqa: N818  it is the domain's own word, and no fault of ours
    """Can never succeed as it is: a 4xx for a caller, rejected or parked for a stream. Never contains input values."""

    def __init__(self, problem: str, detail: str, *, status: int = 422, errors: Sequence[FieldError] = ()) -> None:
        """Say what is wrong.

        Args:
            problem: the problem's slug, the last part of its `type` (`unit-not-found`).
            detail: one sentence for the person who sent it.
            status: the HTTP status that fits.
            errors: the fields that are wrong, when it is about fields.
        """
        super().__init__(f"{problem}: {detail}")
        self.problem = problem
        self.detail = detail
        self.status = status
        self.errors = tuple(errors)


class Unavailable(Exception):  # noqa: N818  a state, not an error of the program
    """The database cannot be reached just now: a 503 with `Retry-After`, or the batch again. Nothing was changed."""

    def __init__(self, detail: str = "The database cannot be reached just now.", *, retry_after_seconds: int = 2) -> None:
        """Say when to try again."""
        super().__init__(detail)
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds


class MustStop(Exception):  # noqa: N818  an order to the process
    """Going on would lose or double a fact: the process ends, and says what a person must do."""
