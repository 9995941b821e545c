"""Urgency (the NTS scale) and what changes it."""

from contracts.codes import Urgency

EMERGENCIES = frozenset({Urgency.U0, Urgency.U1})
"""Immediate danger to life: handed over to 112 at once, never queued, never placed."""

# Pain of 5 to 7 raises the urgency, of 8 and more is usually U2 (NTS).
_RAISES_FROM = 5
_SEVERE_FROM = 8

_SCALE = tuple(Urgency)


def is_more_urgent(one: Urgency, other: Urgency) -> bool:
    """U0 comes before U1."""
    return _SCALE.index(one) < _SCALE.index(other)


def most_urgent(one: Urgency, other: Urgency) -> Urgency:
    return one if is_more_urgent(one, other) else other


def with_pain(urgency: Urgency, pain: int | None) -> Urgency:
    """The urgency when the pain (0 to 10) counts.

    Pain alone never calls an ambulance with lights and siren: severe pain is U2, so lighter pain cannot raise to more than that.
    """
    if pain is None or pain < _RAISES_FROM:
        return urgency
    if pain >= _SEVERE_FROM:
        return most_urgent(urgency, Urgency.U2)
    one_higher = _SCALE[max(0, _SCALE.index(urgency) - 1)]
    return urgency if is_more_urgent(one_higher, Urgency.U2) else one_higher


def queue_rank(urgency: Urgency | None) -> int:
    """The place in the queue, lowest first.

    Nobody has looked yet at a contact without an urgency: it may be anything, so only what is known to threaten comes before it.
    """
    if urgency is None:
        return 25
    return 10 * _SCALE.index(urgency)
