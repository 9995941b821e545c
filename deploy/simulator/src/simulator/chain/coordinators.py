"""What a coordinator does with a request. Pure: the same seed, request and number of offers give the same decision."""

from dataclasses import dataclass

from contracts.codes import Urgency
from simulator.chance import seeded

# The one that is left alone gets its offer by itself; of the less urgent that would last too long to see.
LEFT_ALONE = {Urgency.U2: 0.25, Urgency.U3: 0.05}
SHARE_TWO_AT_ONCE = 0.12


@dataclass(frozen=True, slots=True)
class Look:
    """How a coordinator takes up a request."""

    after_seconds: float
    is_left_alone: bool
    """Nobody looks: the first candidate gets its offer by itself after a while."""
    ask_at_once: int
    """How many of the best candidates are asked at the same time; the first who accepts has the patient."""
    answer_within_seconds: float


def look(seed: int, case_id: str, turn: int, urgency: Urgency) -> Look:
    """How the coordinator takes up this request for the nth time."""
    random = seeded(seed, "look", case_id, turn)
    return Look(
        after_seconds=random.uniform(1.5, 7.0),
        is_left_alone=random.random() < LEFT_ALONE.get(urgency, 0.0),
        ask_at_once=2 if random.random() < SHARE_TWO_AT_ONCE else 1,
        answer_within_seconds=random.uniform(45, 120),
    )
