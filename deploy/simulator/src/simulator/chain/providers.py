"""What a provider does with an offer, and how the patient comes. Pure: the same seed and offer give the same decisions."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from random import Random

from contracts.codes import DeclineReason
from simulator.chance import seeded

SHARE_ACCEPTED = 0.80
SHARE_NEVER_ANSWERED = 0.07
SHARE_GIVEN_UP = 0.03
SHARE_NAMED_IN_REPORT = 0.85

# Why a provider says no. NIET_EIGEN_CLIENT is never a reason: it is refused, and the provider has to think again.
REASONS = {
    DeclineReason.VOL: 28,
    DeclineReason.GEEN_PERSONEEL: 24,
    DeclineReason.ZORGVRAAG_PAST_NIET: 22,
    DeclineReason.UITBRAAK: 8,
    DeclineReason.GEEN_APPARATUUR: 5,
    DeclineReason.VERVOER: 4,
    DeclineReason.ANDERS: 5,
    DeclineReason.NIET_EIGEN_CLIENT: 4,
}
RELEASE_REASONS = ("PATIENT_WIL_NIET", "ZIEKENHUISOPNAME", "VERVOER")


class Reply(Enum):
    """What a provider says to an offer."""

    ACCEPT = auto()
    DECLINE = auto()
    SILENCE = auto()


@dataclass(frozen=True, slots=True)
class Manner:
    """How a provider deals with one offer, from the question to the bed."""

    reply: Reply
    reason: DeclineReason
    """Should it be a decline."""
    answer_seconds: float
    """After the offer."""
    gives_up: str | None
    """A reason to release the placement in place of sending the transport."""
    transport_seconds: float
    """After the acceptance."""
    ride_seconds: float
    """After the transport has left."""
    report_seconds: float
    """After the admission; then the provider's figures contain the patient."""
    is_named_in_report: bool
    """The report names the hold; otherwise it counts until a report from two minutes after the admission."""
    closing_seconds: float
    """After the report: triage closes the case."""
    stay: timedelta


def manner(seed: int, offer_id: str) -> Manner:
    """How the offer with this id is dealt with."""
    random = seeded(seed, "offer", offer_id)
    return Manner(
        reply=_reply(random),
        reason=random.choices(list(REASONS), list(REASONS.values()))[0],
        answer_seconds=random.uniform(2.5, 12),
        gives_up=random.choice(RELEASE_REASONS) if random.random() < SHARE_GIVEN_UP else None,
        transport_seconds=random.uniform(3, 12),
        ride_seconds=random.uniform(5, 20),
        report_seconds=random.uniform(2, 15),
        is_named_in_report=random.random() < SHARE_NAMED_IN_REPORT,
        closing_seconds=random.uniform(2, 8),
        stay=timedelta(minutes=random.uniform(10, 30)),
    )


def _reply(random: Random) -> Reply:
    lot = random.random()
    if lot < SHARE_ACCEPTED:
        return Reply.ACCEPT
    return Reply.SILENCE if lot < SHARE_ACCEPTED + SHARE_NEVER_ANSWERED else Reply.DECLINE
