"""What people are going to do, each at its time; a few at once, because a country's worth of people share one machine."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from simulator.client import Refused, Unreachable
from simulator.tokens import NoToken

AT_ONCE = 6
# So many people may have something in mind; above that newcomers are left out, and the memory stays what it is.
MOST = 5_000


class Agenda:
    """Acts that are due at a moment. What cannot be done is counted and let go: somebody else, or a timer, goes on."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self.done: Counter[str] = Counter()
        """What happened, for progress lines."""
        self.open = 0
        """How many acts are still to be done."""
        self._tasks = tasks
        self._hands = asyncio.Semaphore(AT_ONCE)

    def plan(self, at: datetime, act: Callable[[], Awaitable[None]]) -> None:
        """Have this done at that moment, or at once when it has passed."""
        if self.open >= MOST:
            self.done["left out"] += 1
            return
        self.open += 1
        self._tasks.create_task(self._act(at, act))

    async def _act(self, at: datetime, act: Callable[[], Awaitable[None]]) -> None:
        try:
            await asyncio.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))
            async with self._hands:
                await act()
        except (NoToken, Unreachable):
            self.done["given up"] += 1
        except Refused as refused:
            # A place that is gone, an offer that somebody else answered: how it goes. The numbers show what goes too often.
            self.done[f"refused {refused.status}"] += 1
        finally:
            self.open -= 1
