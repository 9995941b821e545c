"""A client of a live stream, as a browser is one."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, NamedTuple

import httpx


class Told(NamedTuple):
    """A server-sent event as a client sees it; `id` is the last one that was sent, as browsers keep it."""

    name: str
    data: Any
    id: str | None


class Stream:
    """Reads events one by one."""

    def __init__(self, lines: AsyncIterator[str], *, within_seconds: float = 15) -> None:
        """Take the lines of the answer; an event that does not come in time is a failure."""
        self._lines = lines
        self._within_seconds = within_seconds
        self.last_id: str | None = None

    @classmethod
    @asynccontextmanager
    async def of(cls, client: httpx.AsyncClient, url: str, *, within_seconds: float = 15, **request: Any) -> AsyncIterator["Stream"]:
        """The stream behind a URL, with httpx's options for the request."""
        async with client.stream("GET", url, **request) as answer:
            assert answer.status_code == HTTPStatus.OK, await answer.aread()
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield cls(answer.aiter_lines(), within_seconds=within_seconds)

    async def next(self, *, ticks: bool = False) -> Told:
        """The next event; one that only tells the time is passed over unless `ticks`."""
        async with asyncio.timeout(self._within_seconds):
            while (told := await self._read()).name == "tick" and not ticks:
                pass
            return told

    async def until_tick(self) -> list[Told]:
        """All up to the next tick, which is not among them: until then the picture may not be whole."""
        found: list[Told] = []
        while (told := await self.next(ticks=True)).name != "tick":
            found.append(told)
        return found

    async def _read(self) -> Told:
        name, data = "message", ""
        async for line in self._lines:
            kind, _, value = line.partition(": ")
            if kind == "id":
                self.last_id = value
            elif kind == "event":
                name = value
            elif kind == "data":
                data += value
            elif not line and data:
                return Told(name, json.loads(data), self.last_id)
        raise EOFError("the stream has ended")
