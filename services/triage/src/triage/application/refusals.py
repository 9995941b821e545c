"""A broken rule as what the caller gets to hear."""

from chassis.errors import FieldError, Rejected
from triage.domain.rules import RuleBroken, StateForbids


def refusal(broken: RuleBroken) -> Rejected:
    """422, or 409 where it is the state that forbids it; with the fields that it is about."""
    return Rejected(
        broken.problem,
        broken.detail,
        status=409 if isinstance(broken, StateForbids) else 422,
        errors=[FieldError(breach.pointer, breach.message) for breach in broken.breaches],
    )


def no_such_case() -> Rejected:
    """404: not there, or not yours to know of; the answer does not tell which."""
    return Rejected("case-not-found", "There is no such case, or it is not yours to know of.", status=404)
