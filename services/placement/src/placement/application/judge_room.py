"""Nobody answered whether there is room for an accepted patient, or what capacity told stands for an answer."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from placement.application.holds import settle
from placement.application.ports import Work
from placement.application.second_place import doubted, take_answer
from placement.domain.room import judged


async def judge_room(work: Work, placement_ids: Collection[UUID], now: datetime) -> None:
    """Look again at those of these placements of which something is to be held for an answer; the others need nothing.

    Args:
        work: the transaction.
        placement_ids: whose timers went off.
        now: the database's clock.
    """
    touched: set[UUID] = set()
    for one in await doubted(work, placement_ids):
        if said := judged(one.offer, one.unit, now):
            touched |= await take_answer(work, one, said, now)
    await settle(work, touched, now)
