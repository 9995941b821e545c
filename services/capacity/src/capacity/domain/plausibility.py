"""What figures can be, and what about them should make a person look twice (the German ICU register's published rules)."""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.capacity import Field_

FEW = 10
SOME = 20
JUMP_OF_FEW = 7


def breaks_a_rule(figures: Mapping[Field_, int | None]) -> Field_ | None:
    """The field that cannot be, or None: 0 ≤ occupied + reserved ≤ open ≤ total, where both sides are known.

    What is unknown is not read as 0, but it cannot be less than 0 either: 12 occupied of 10 open is wrong whatever is reserved.
    """
    total, is_open = figures.get("total"), figures.get("open")
    taken = [count for count in (figures.get("occupied"), figures.get("reserved")) if count is not None]
    if is_open is not None and total is not None and is_open > total:
        return "open"
    ceiling = is_open if is_open is not None else total
    if ceiling is not None and sum(taken) > ceiling:
        return "occupied" if figures.get("occupied") is not None else "reserved"
    return None


@dataclass(frozen=True, slots=True)
class Caution:
    """Something to look at; it never blocks."""

    code: str
    field: str
    message: str


def jump(field: Field_, before: int | None, now: int | None) -> Caution | None:
    """Whether a figure differs so much from the previous one that it may be a slip of the finger."""
    if before is None:
        return None
    if now is None:
        return Caution("became-unknown", field, "This figure was known and is now unknown.")
    if before < FEW:
        is_jump = abs(now - before) >= JUMP_OF_FEW
    elif before < SOME:
        is_jump = now >= 2 * before or 4 * now <= before
    else:
        is_jump = now >= 2 * before or 2 * now <= before
    return Caution("jump", field, "This figure differs much from the previous one.") if is_jump else None
