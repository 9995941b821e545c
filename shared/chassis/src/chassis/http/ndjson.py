"""Newline-delimited JSON both ways: lines are read as they arrive and answered while the rest is still on its way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chassis.errors import Rejected

MEDIA_TYPE = "application/x-ndjson"

MOST_BYTES = 32 * 1024 * 1024
MOST_LINES = 50_000
LONGEST_LINE = 8 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the body, counted from 1: its bytes, or why it is refused unread."""

    number: int
    content: bytes | Rejected


Chunk = Sequence[Line]


def ndjson_lines(request: Request, *, chunk_lines: int = 500) -> AsyncIterator[Chunk]:
    """The body's lines, in chunks of what has arrived; blank lines are counted and left out.

    A body over a limit that shows only while reading ends with one refused line (413), after which nothing is read.

    Raises:
        Rejected: at once, 415 for another content type and 413 for a length over the limit.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != MEDIA_TYPE:
        raise Rejected("unsupported-media-type", f"Send `Content-Type: {MEDIA_TYPE}`.", status=415)
    if int(request.headers.get("content-length") or 0) > MOST_BYTES:
        raise _too_large()
    return _read(request, chunk_lines)


async def _read(request: Request, chunk_lines: int) -> AsyncIterator[Chunk]:
    number, size, rest = 0, 0, b""
    skipping = False
    chunk: list[Line] = []
    async for piece in request.stream():
        size += len(piece)
        if size > MOST_BYTES:
            chunk.append(Line(number + 1, _too_large()))
            yield chunk
            return
        last_piece = not piece
        *lines, rest = ((rest + piece) if not last_piece else rest + b"\n").split(b"\n")
        for content in lines:
            number += 1
            if number > MOST_LINES and content.strip():
                chunk.append(
                    Line(number, Rejected("too-many-lines", "A batch has at most 50,000 lines; send the rest in another.", status=413))
                )
                yield chunk
                return
            if skipping or len(content) > LONGEST_LINE:
                skipping = False
                chunk.append(Line(number, Rejected("line-too-long", "A line has at most 8 kB.", status=413)))
            elif content.strip():
                chunk.append(Line(number, content))
            if len(chunk) >= chunk_lines:
                yield chunk
                chunk = []
        if len(rest) > LONGEST_LINE:
            # The rest of this line is thrown away as it comes, so that one endless line costs no memory.
            rest, skipping = b"", True
        if chunk:
            yield chunk
            chunk = []


def _too_large() -> Rejected:
    return Rejected("too-large", "A batch has at most 32 MB.", status=413)


class NdjsonAnswer(Response):
    """Hands every chunk to the work and sends the lines it returns, while it goes on reading."""

    media_type = MEDIA_TYPE

    def __init__(self, chunks: AsyncIterator[Chunk], work: Callable[[Chunk], Awaitable[Sequence[bytes]]]) -> None:
        """Take the lines (`ndjson_lines`) and what is done with a chunk of them; it returns result lines without their line break."""
        super().__init__(None, 200, {"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._chunks = chunks
        self._work = work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request.

        Reading never waits for sending: most clients send their whole body before they read a byte of the answer, and two ends that
        wait for each other wait for ever. What is not sent yet stays in memory, at most the results of 50,000 lines.
        """
        del scope, receive  # the chunks hold the request
        results: asyncio.Queue[bytes | None] = asyncio.Queue()
        reading = asyncio.create_task(self._answer_all(results))
        try:
            # The first result decides whether this is an answer at all: a database that is away is a 503, not an empty 200.
            first = await results.get()
            if first is None:
                await reading
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            lines: bytes | None = first
            while lines is not None:
                await send({"type": "http.response.body", "body": lines, "more_body": True})
                lines = await results.get()
            # Breaks the answer off when reading failed: what has no result line was not taken.
            await reading
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading

    async def _answer_all(self, results: asyncio.Queue[bytes | None]) -> None:
        try:
            async for chunk in self._chunks:
                lines = await self._work(chunk)
                if lines:
                    results.put_nowait(b"\n".join(lines) + b"\n")
        finally:
            results.put_nowait(None)
