"""A batch is answered line by line while it is still being sent, and its limits hold however it is sent."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

NDJSON = {"Content-Type": "application/x-ndjson"}
BATCH = "/ward/v1/batch"


async def results(client: httpx.AsyncClient, content: bytes | AsyncIterator[bytes]) -> list[str]:
    response = await client.post(BATCH, content=content, headers=NDJSON)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/x-ndjson"
    return response.text.splitlines()


async def in_pieces(content: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_every_line_has_its_number_however_the_body_is_cut(provider: httpx.AsyncClient, size: int) -> None:
    body = b'{"a":1}\n\n  \n{"bb":2}\r\n' + b"x" * 8193 + b"\n" + b"y" * 20_000 + b"\n{}"

    assert await results(provider, in_pieces(body, size)) == ["1 7", "4 9", "5 line-too-long", "6 line-too-long", "7 2"]


async def test_a_last_line_may_end_or_not(provider: httpx.AsyncClient) -> None:
    assert await results(provider, b"{}\n{}\n") == await results(provider, b"{}\n{}") == ["1 2", "2 2"]


async def test_an_empty_batch_has_no_results(provider: httpx.AsyncClient) -> None:
    assert await results(provider, b"") == []


async def test_line_fifty_thousand_is_the_last(provider: httpx.AsyncClient) -> None:
    lines = await results(provider, b"{}\n" * 50_000)
    assert (len(lines), lines[-1]) == (50_000, "50000 2")

    lines = await results(provider, b"{}\n" * 50_002)
    assert (len(lines), lines[-1]) == (50_001, "50001 too-many-lines")


async def test_thirty_two_megabytes_are_the_limit(provider: httpx.AsyncClient) -> None:
    line = b"x" * 8191 + b"\n"
    announced = await provider.post(BATCH, content=line * 4097, headers=NDJSON)
    assert announced.status_code == 413
    assert announced.headers["content-type"] == "application/problem+json"

    lines = await results(provider, in_pieces(line * 4097, 64 * 1024))
    assert lines[-1] == "4097 too-large"
    assert len(lines) == 4097


@pytest.mark.parametrize("content_type", ["application/json", "text/csv", None])
async def test_another_content_type_is_refused(provider: httpx.AsyncClient, content_type: str | None) -> None:
    response = await provider.post(BATCH, content=b"{}", headers={"Content-Type": content_type} if content_type else {})

    assert response.status_code == 415


async def test_a_database_that_is_away_at_the_first_line_is_said_as_such(anonymous: httpx.AsyncClient) -> None:
    response = await anonymous.post("/ward/v1/batch-away", content=b"{}\n", headers=NDJSON)

    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"


async def test_results_come_while_the_rest_is_still_on_its_way(served: str, token: Callable[..., str]) -> None:
    host, port = served.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {BATCH} HTTP/1.1\r\nHost: ward\r\nAuthorization: Bearer {token()}\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head.encode() + b"3\r\n{}\n\r\n")

    async with asyncio.timeout(5):
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        assert b"1 2" in await reader.readuntil(b"1 2\n")
        writer.write(b"4\r\n{ }\n\r\n0\r\n\r\n")
        assert b"2 3" in await reader.readuntil(b"2 3\n")
    writer.close()


async def test_a_client_that_sends_everything_before_it_reads_anything_is_served(served: str, token: Callable[..., str]) -> None:
    host, port = served.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    body = (b"x" * 100 + b"\n") * 50_000
    head = f"POST {BATCH} HTTP/1.1\r\nHost: ward\r\nConnection: close\r\nAuthorization: Bearer {token()}\r\nContent-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n"

    async with asyncio.timeout(20):
        # Far more than the sockets' buffers hold in either direction.
        writer.write(head.encode() + body)
        await writer.drain()
        answer = await reader.read(-1)

    assert b"50000 100\n" in answer
    writer.close()
