"""Whether there is still room where a patient was accepted: what the provider says, and what stands for an answer.

An accepted hold never moves by a figure alone: a figure that leaves no room only makes us ask.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from placement.domain.offer import Offer
from placement.domain.states import PLACEMENTS_NOW
from placement.domain.unit import Unit


class Said(StrEnum):
    """How we know."""

    PROVIDER = "PROVIDER"
    """It answered."""
    CLOSURE = "CLOSURE"
    """The unit closed."""
    SILENCE = "SILENCE"
    """It did not answer in time."""
    FIGURES = "FIGURES"
    """It has looked again since it had no room, and now its figures leave some; or they contain the patient."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether there is room, and how we know."""

    has_room: bool
    how: Said


def is_answered(offer: Offer, unit: Unit) -> bool:
    """Whether it was said of this very figure if there is room; then nobody is asked again, and nothing is offered there anew."""
    return offer.room_answered_at is not None and not unit.is_observed_since(offer.room_answered_at)


def judged(offer: Offer, unit: Unit, now: datetime) -> Judgement | None:
    """What is to be held for an answer without one; None when nothing is, or it is held already."""
    if offer.status not in PLACEMENTS_NOW:
        return None
    # Figures that contain the patient are the very answer that is asked for.
    is_named = offer.offer_id in unit.includes_holds
    # Whoever accepts knows their own ward, so that counts as an answer too.
    last_said = offer.room_answered_at or offer.accepted_at
    if last_said is not None and unit.is_observed_since(last_said):
        if unit.is_closed:
            return Judgement(has_room=False, how=Said.CLOSURE) if offer.has_room is not False else None
        if offer.has_room is False and (is_named or (unit.free is not None and not unit.is_overcommitted)):
            return Judgement(has_room=True, how=Said.FIGURES)
    if offer.confirm_by is None or not (is_named or offer.confirm_by <= now):
        return None
    return Judgement(has_room=True, how=Said.FIGURES) if is_named else Judgement(has_room=False, how=Said.SILENCE)
