"""Somebody who looks at a live list all the time: when something moved there, and the picture that it made."""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from simulator.client import Api, LiveEvent

Item = dict[str, Any]


class Screen:
    """Follows one list; a stream that breaks is taken up where it broke, as a browser does."""

    def __init__(self, name: str, name_of: Callable[[Mapping[str, Any]], str], on_item: Callable[[Item], None] = lambda _: None) -> None:
        self.name = name
        self.picture: dict[str, Item] = {}
        self.moved_at: list[float] = []
        """When an item came that was not known so already."""
        self._name_of = name_of
        self.on_item = on_item
        self._before: dict[str, Item] = {}

    def take(self, event: LiveEvent) -> None:
        if event.name == "reset":
            self._before, self.picture = {**self._before, **self.picture}, {}
        elif event.name == "gone":
            self.picture.pop(event.data["id"], None)
        elif event.name == "message":
            key = self._name_of(event.data)
            is_known = event.data in (self.picture.get(key), self._before.pop(key, None))
            self.picture[key] = event.data
            if not is_known:
                self.moved_at.append(asyncio.get_running_loop().time())
                self.on_item(event.data)

    def moved_since(self, instant: float) -> bool:
        return bool(self.moved_at) and self.moved_at[-1] > instant

    def longest_silence(self, begin: float, end: float) -> float:
        """The longest time without a change between these instants."""
        inside = self.moved_at[bisect_left(self.moved_at, begin) : bisect_right(self.moved_at, end)]
        return max(later - earlier for earlier, later in pairwise([begin, *inside, end]))


@dataclass(frozen=True)
class Screens:
    """What hangs on the wall of a coordination centre."""

    national: Screen
    board: Screen
    requests: Screen
    cases: Screen

    @property
    def all(self) -> tuple[Screen, ...]:
        return self.national, self.board, self.requests, self.cases


@asynccontextmanager
async def looking(api: Api, path: str, screen: Screen, **query: str) -> AsyncIterator[Screen]:
    """Somebody looks as long as the block lasts."""

    async def look() -> None:
        async for event in api.live(path, query):
            screen.take(event)

    task = asyncio.create_task(look())
    try:
        yield screen
        assert not task.done(), f"nobody looks at the {screen.name} stream any more: {task.exception()}"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
