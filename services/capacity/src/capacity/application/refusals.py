"""A broken rule as what the caller gets to hear."""

from capacity.domain.rules import RuleBroken
from chassis.errors import FieldError, Rejected


def refusal(broken: RuleBroken) -> Rejected:
    """422, with the fields that break it."""
    return Rejected(broken.problem, broken.detail, errors=[FieldError(breach.pointer, breach.message) for breach in broken.breaches])
