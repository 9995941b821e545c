"""When something may have happened, judged by when we received it and never by when we read it."""

from datetime import datetime, timedelta

from capacity.domain.rules import Breach, RuleBroken
from contracts.codes import Source

CLOCK_AHEAD = timedelta(minutes=2)
CORRECTION_WINDOW = timedelta(days=14)


def judged(happened_at: datetime, received_at: datetime, source: Source, *, pointer: str) -> datetime:
    """The time that counts: a clock slightly ahead is read as the moment of receipt.

    Raises:
        RuleBroken: `clock-ahead` beyond the tolerance, `too-old` beyond the correction window (imports excepted).
    """
    if happened_at > received_at:
        if happened_at - received_at > CLOCK_AHEAD:
            raise RuleBroken("clock-ahead", "The time lies in the future.", Breach(pointer, "more than 2 minutes ahead of our clock"))
        return received_at
    if received_at - happened_at > CORRECTION_WINDOW and source is not Source.IMPORT:
        raise RuleBroken("too-old", "Corrections reach back 14 days.", Breach(pointer, "more than 14 days ago"))
    return happened_at
