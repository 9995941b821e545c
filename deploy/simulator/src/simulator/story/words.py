"""How an event reads in the terminal: what may be shown of it, and nothing else. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

Body = Mapping[str, Any]


def _named(*fields: str) -> Callable[[Body], str]:
    return lambda body: ", ".join(f"{field} {_shown(body.get(field))}" for field in fields)


def _holds(body: Body) -> str:
    held = ", ".join(str(hold["status"]) for hold in body["holds"])
    absorbed = f"; {len(body['absorbed'])} now in the provider's own figures" if body.get("absorbed") else ""
    return f"{len(body['holds'])} held{f' ({held})' if held else ''}{absorbed}"


def _unit(body: Body) -> str:
    named = len(body.get("includes_holds") or ())
    return _named("open", "occupied", "free")(body) + (f", holds named in it {named}" if named else "")


# What is shown of an event is written down here; an event that is not here is shown by its name alone.
FACTS: Mapping[str, Callable[[Body], str]] = {
    "case-registered": _named("channel", "caller_role", "vr"),
    "case-assessed": _named("urgency", "actions"),
    "placement-requested": _named("urgency", "care_type", "cohort", "region"),
    "case-handed-over": _named("urgency"),
    "case-closed": _named("outcome"),
    "request-opened": _named("urgency", "region", "round"),
    "offer-made": _named("organisation", "is_automatic"),
    "offer-accepted": _named("organisation"),
    "offer-declined": _named("reason"),
    "offer-ended": _named("how"),
    "transport-left": _named("organisation"),
    "patient-admitted": _named("organisation"),
    "placement-released": _named("why"),
    "request-closed": _named("how"),
    "holds-changed": _holds,
    "unit-changed": _unit,
    "figure-changed": _named("occupied", "free", "held", "available"),
}


def facts_of(fact: str, body: Body) -> str:
    """The facts of an event that may be shown."""
    tell = FACTS.get(fact)
    return tell(body) if tell is not None else ""


def _shown(value: object) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
