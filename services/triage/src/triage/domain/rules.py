"""A rule of the domain that what was sent breaks, or that the state of a case forbids."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Breach:
    """One broken rule: the field it is about, as a JSON pointer into the form, and why, without the value."""

    pointer: str
    message: str


class RuleBroken(Exception):  # noqa: N818  a fact about what was sent, no fault of ours
    """What was sent can never be accepted."""

    def __init__(self, problem: str, detail: str, *breaches: Breach) -> None:
        """Say which problem it is (a slug) and which fields break the rule."""
        super().__init__(f"{problem}: {detail}")
        self.problem = problem
        self.detail = detail
        self.breaches = breaches


class StateForbids(RuleBroken):
    """The case is not in a state for this, whatever was sent."""
