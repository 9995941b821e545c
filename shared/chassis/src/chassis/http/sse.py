"""Server-sent events: an answer that lives, ends with the server, and never lets one slow reader fill the memory."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Generic, TypeVar
from weakref import WeakSet

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chassis.observability.telemetry import sse_cut, sse_readers, sse_skipped

_COMMENT_SECONDS = 5.0
# A reader that takes nothing for so long has gone without a word, or will never keep up; it comes back by itself when it lives.
_LONGEST_SEND_SECONDS = 60.0
_COMMENT = b": \n\n"

_HEADERS = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}

Key = TypeVar("Key")
Value = TypeVar("Value")


class _TakesNothing(Exception):  # noqa: N818  about the reader, no fault of ours
    """The reader's connection has been full for too long."""


def event(data: bytes, *, id: str | None = None, name: str | None = None) -> bytes:  # noqa: A002  the field's own name
    """One event; `data` is JSON and so has no line breaks of its own."""
    parts = []
    if id is not None:
        parts.append(b"id: " + id.encode() + b"\n")
    if name is not None:
        parts.append(b"event: " + name.encode() + b"\n")
    parts.append(b"data: " + data + b"\n\n")
    return b"".join(parts)


class Latest(Generic[Key, Value]):
    """What one reader has yet to see: of every key the newest value only, so a slow reader costs at most one picture."""

    def __init__(self) -> None:
        """Start with nothing to see."""
        self._waiting: dict[Key, Value] = {}
        self._filled = asyncio.Event()

    def put(self, key: Key, value: Value) -> None:
        """Replace what was not yet seen of this key; it moves to the end, so that order of arrival holds for what is left."""
        if self._waiting.pop(key, None) is not None:
            sse_skipped.inc()
        self._waiting[key] = value
        self._filled.set()

    async def take(self) -> dict[Key, Value]:
        """Everything unseen, as soon as there is something."""
        await self._filled.wait()
        self._filled.clear()
        taken, self._waiting = self._waiting, {}
        return taken


class EventStream(Response):
    """Sends what the iterator yields, a comment in every silence of 5 s, and ends when the reader leaves or the server stops."""

    media_type = "text/event-stream"

    def __init__(
        self,
        stream: AsyncIterator[bytes],
        headers: Mapping[str, str] | None = None,
        *,
        silence_seconds: float = _COMMENT_SECONDS,
        longest_send_seconds: float = _LONGEST_SEND_SECONDS,
    ) -> None:
        """Take an iterator of whole events (`event(...)`, several joined are fine)."""
        super().__init__(None, 200, {**_HEADERS, **(headers or {})})
        del self.headers["content-length"]
        self._stream = stream
        self._silence_seconds = silence_seconds
        self._longest_send_seconds = longest_send_seconds
        self._ending = asyncio.Event()

    def end(self) -> None:
        """End after what is being written."""
        self._ending.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request until someone leaves."""
        del scope  # the answer is the same for all
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

        async def write(chunk: bytes) -> None:
            try:
                async with asyncio.timeout(self._longest_send_seconds):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            except TimeoutError:
                raise _TakesNothing from None

        _open_streams.add(self)
        sse_readers.inc()
        leaving = [asyncio.create_task(_left(receive)), asyncio.create_task(self._ending.wait())]
        upcoming: asyncio.Task[bytes] | None = None
        try:
            while True:
                upcoming = upcoming or asyncio.create_task(self._next())
                await asyncio.wait({upcoming, *leaving}, timeout=self._silence_seconds, return_when=asyncio.FIRST_COMPLETED)
                if any(task.done() for task in leaving):
                    break
                if not upcoming.done():
                    await write(_COMMENT)
                    continue
                try:
                    chunk = upcoming.result()
                except StopAsyncIteration:
                    break
                upcoming = None
                await write(chunk)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except _TakesNothing:
            # Without the last word, so that the server breaks the connection off.
            sse_cut.inc()
        finally:
            sse_readers.dec()
            _open_streams.discard(self)
            for task in (*leaving, *([upcoming] if upcoming else [])):
                task.cancel()
                with suppress(asyncio.CancelledError, StopAsyncIteration):
                    await task
            if (close := getattr(self._stream, "aclose", None)) is not None:
                await close()

    async def _next(self) -> bytes:
        return await anext(self._stream)


def sse_response(stream: AsyncIterator[bytes], headers: Mapping[str, str] | None = None) -> EventStream:
    """A live answer."""
    return EventStream(stream, headers)


def end_streams() -> None:
    """End all open streams of this process: a server that stops waits for them, and they would never end."""
    for stream in list(_open_streams):
        stream.end()


_open_streams: WeakSet[EventStream] = WeakSet()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
