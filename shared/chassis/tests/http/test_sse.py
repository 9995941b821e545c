"""Live answers: a reader that lags sees the newest, and a server that stops is not held up by those who watch."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.routing import Route

from chassis.http.sse import EventStream, Latest, end_streams, event
from chassis.observability.telemetry import sse_cut, sse_readers
from chassis.testing.waiting import eventually


class Reader:
    """What a server does with an answer, without a server."""

    def __init__(self, stream: EventStream) -> None:
        self.sent: list[dict[str, Any]] = []
        self.leaves = asyncio.Event()
        self.task = asyncio.create_task(stream({"type": "http"}, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def text(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


class Endless:
    """Events that never end, and knowledge of whether somebody still wants them."""

    def __init__(self) -> None:
        self.is_open = False

    async def events(self) -> AsyncIterator[bytes]:
        self.is_open = True
        try:
            yield event(b'{"free":1}', id="7", name="figure")
            await asyncio.Event().wait()
        finally:
            self.is_open = False


def test_an_event_is_written_as_browsers_read_it() -> None:
    assert event(b"{}") == b"data: {}\n\n"
    assert event(b"{}", id="t/1,2", name="reset") == b"id: t/1,2\nevent: reset\ndata: {}\n\n"


async def test_nothing_between_us_and_the_reader_may_hold_events_back() -> None:
    reader = Reader(EventStream(Endless().events()))
    await eventually(lambda: reader.text)
    reader.leaves.set()
    await reader.task

    headers = dict(reader.sent[0]["headers"])
    assert headers[b"content-type"].startswith(b"text/event-stream")
    assert headers[b"cache-control"] == b"no-store, no-transform"
    assert headers[b"x-accel-buffering"] == b"no"
    assert b"content-length" not in headers


async def test_a_silence_is_filled_with_comments_and_loses_no_event() -> None:
    go_on = asyncio.Event()

    async def events() -> AsyncIterator[bytes]:
        yield event(b"1")
        await go_on.wait()
        yield event(b"2")

    reader = Reader(EventStream(events(), silence_seconds=0.01))
    await eventually(lambda: reader.text.count(b": \n\n") >= 3)
    go_on.set()
    await reader.task

    assert reader.text.replace(b": \n\n", b"") == b"data: 1\n\ndata: 2\n\n"
    assert reader.sent[-1]["more_body"] is False


async def test_a_reader_that_leaves_is_forgotten() -> None:
    endless = Endless()
    before = sse_readers._value.get()
    reader = Reader(EventStream(endless.events()))
    await eventually(lambda: endless.is_open and reader.text)
    assert sse_readers._value.get() == before + 1

    reader.leaves.set()
    await asyncio.wait_for(reader.task, 2)

    assert not endless.is_open
    assert sse_readers._value.get() == before


async def test_a_stream_that_is_told_to_end_ends_whole() -> None:
    endless = Endless()
    reader = Reader(EventStream(endless.events()))
    await eventually(lambda: reader.text)

    end_streams()
    await asyncio.wait_for(reader.task, 2)

    assert reader.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    assert not endless.is_open


async def test_a_cancelled_stream_leaves_nothing_behind() -> None:
    endless = Endless()
    before = sse_readers._value.get()
    reader = Reader(EventStream(endless.events()))
    await eventually(lambda: reader.text)

    reader.task.cancel()
    await asyncio.wait([reader.task], timeout=2)

    assert reader.task.cancelled()
    assert not endless.is_open
    assert sse_readers._value.get() == before


async def test_a_fault_in_a_stream_breaks_it_off_instead_of_ending_it_well() -> None:
    async def events() -> AsyncIterator[bytes]:
        yield event(b"1")
        raise ValueError

    reader = Reader(EventStream(events()))
    await asyncio.wait([reader.task], timeout=2)

    assert isinstance(reader.task.exception(), ValueError)
    assert reader.sent[-1]["more_body"] is True


async def test_a_reader_that_takes_nothing_any_more_is_cut(running: Callable[..., Any]) -> None:
    is_closed = asyncio.Event()

    async def events() -> AsyncIterator[bytes]:
        try:
            while True:
                yield event(b"x" * 100_000)
        finally:
            is_closed.set()

    async def stalled(_: Request) -> EventStream:
        return EventStream(events(), longest_send_seconds=0.2)

    before = sse_cut._value.get()
    async with running(FastAPI(routes=[Route("/stalled", stalled)])) as (_, url, _task):
        host, port = url.removeprefix("http://").split(":")
        _reader, writer = await asyncio.open_connection(host, int(port), limit=4096)
        writer.write(b"GET /stalled HTTP/1.1\r\nHost: ward\r\n\r\n")
        await asyncio.wait_for(is_closed.wait(), 10)
        assert sse_cut._value.get() == before + 1
        writer.transport.abort()


async def test_a_stopping_server_ends_its_streams_at_once(ward: FastAPI, running: Callable[..., Any]) -> None:
    async with (
        running(ward) as (server, url, task),
        httpx.AsyncClient() as client,
        client.stream("GET", f"{url}/ward/v1/stream") as response,
    ):
        chunks = response.aiter_bytes()
        assert await anext(chunks) == b"id: 1\ndata: {}\n\n"

        server.should_exit = True
        await asyncio.wait_for(task, 3)

        # A clean end: the reader sees no torn connection.
        assert [chunk async for chunk in chunks] == []


async def test_a_reader_that_stands_still_costs_one_picture_and_sees_the_newest(running: Callable[..., Any]) -> None:
    latest: Latest[int, int] = Latest()
    last = 200_000

    async def events() -> AsyncIterator[bytes]:
        while True:
            for key, value in (await latest.take()).items():
                # Wide, so that the sockets' buffers are full soon.
                yield event(f'{{"key":{key},"value":{value},"pad":"{"x" * 2000}"}}'.encode())

    async def lagging(_: Request) -> EventStream:
        return EventStream(events())

    async with running(FastAPI(routes=[Route("/lagging", lagging)])) as (_, url, _task):
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=4096)
        writer.write(b"GET /lagging HTTP/1.1\r\nHost: ward\r\n\r\n")
        for value in range(1, last + 1):
            latest.put(value % 10, value)
            if value % 100 == 0:
                await asyncio.sleep(0)
        assert len(latest._waiting) <= 10

        seen = b""
        async with asyncio.timeout(20):
            while not all(f'"value":{last - back},'.encode() in seen for back in range(10)):
                piece = await reader.read(65_536)
                assert piece, "the stream ended"
                seen += piece
        assert seen.count(b"data:") < last / 10
        writer.close()


@given(steps=st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 2), st.integers(0, 99))), max_size=40))
async def test_newest_wins_and_nothing_is_lost(steps: list[tuple[int, int] | None]) -> None:
    """None stands for the reader taking what there is."""
    latest: Latest[int, int] = Latest()
    seen: list[tuple[int, int]] = []
    order: dict[int, int] = {}
    for count, step in enumerate([*steps, (0, 0), None]):
        if step is not None:
            key = step[0]
            order[key] = count
            latest.put(key, count)
        elif latest._waiting:
            seen += (await asyncio.wait_for(latest.take(), 1)).items()

    assert dict(seen) == order
    assert [value for _, value in seen] == sorted(value for _, value in seen)
