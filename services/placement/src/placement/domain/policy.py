"""How long things may take, and how often they are tried."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from contracts.codes import Urgency


def _by_urgency(u2: int, u3: int, u4: int, u5: int) -> Mapping[Urgency, timedelta]:
    return {
        Urgency.U2: timedelta(minutes=u2),
        Urgency.U3: timedelta(minutes=u3),
        Urgency.U4: timedelta(minutes=u4),
        Urgency.U5: timedelta(minutes=u5),
    }


@dataclass(frozen=True, slots=True)
class Policy:
    """The parameters of placement; U0 and U1 never come here."""

    answer_within: Mapping[Urgency, timedelta] = field(default_factory=lambda: _by_urgency(15, 30, 120, 240))
    unattended_after: Mapping[Urgency, timedelta] = field(default_factory=lambda: _by_urgency(2, 10, 30, 60))
    held_after_place_by: timedelta = timedelta(hours=2)
    warned_before_end: timedelta = timedelta(minutes=30)
    asked_per_region: int = 3
    overcommitted_for: timedelta = timedelta(minutes=1)
    clock_tolerance: timedelta = timedelta(minutes=2)
