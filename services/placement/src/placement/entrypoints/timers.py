"""What is done when a timer goes off; each looks again whether there is still something to do."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from chassis.database.sql import Transaction
from chassis.worker.timers import OnDue, Timer
from placement.adapters.sql.work import SqlWork
from placement.application.end_holds import end_holds, warn_of_ends
from placement.application.expire_offers import expire_offers
from placement.application.judge_room import judge_room
from placement.application.offer_next import offer_next
from placement.application.ports import Work
from placement.application.relieve_units import relieve_units
from placement.application.timers import HOLD_ENDS, HOLD_WARNING, OFFER_EXPIRES, REQUEST_UNATTENDED, ROOM_JUDGED, UNIT_OVERCOMMITTED
from placement.domain.policy import Policy

UseCase = Callable[[Work, Collection[UUID], datetime], Awaitable[None]]


def timers(policy: Policy) -> Mapping[str, OnDue]:
    """By kind, in the order in which they are looked at: what ends makes room for what begins."""
    return {
        OFFER_EXPIRES: _on_due(policy, expire_offers),
        HOLD_WARNING: _on_due(policy, warn_of_ends),
        HOLD_ENDS: _on_due(policy, end_holds),
        UNIT_OVERCOMMITTED: _on_due(policy, relieve_units),
        ROOM_JUDGED: _on_due(policy, judge_room),
        REQUEST_UNATTENDED: _on_due(policy, offer_next),
    }


def _on_due(policy: Policy, act: UseCase) -> OnDue:
    async def on_due(tx: Transaction, due: Sequence[Timer], now: datetime) -> None:
        # What stands behind the id only makes the timer one of its own.
        await act(SqlWork(tx, policy), {UUID(timer.subject.partition("/")[0]) for timer in due}, now)

    return on_due
