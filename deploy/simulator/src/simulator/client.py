"""The public HTTP API, asked with patience: what fails by itself is tried again with the same ids, so that nothing counts twice."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from simulator.tokens import ADMIN, Tokens, Who

# What passes by itself. 502 and 504 come from a gateway whose service is restarting.
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
BACKOFF_SECONDS = (0.25, 0.5, 1.0, 2.0, 5.0)
LONGEST_RETRY_AFTER_SECONDS = 30.0
LINES_A_BATCH = 4_000
UNAUTHORIZED = 401
NDJSON = {"content-type": "application/x-ndjson"}

# A live stream says something every five seconds, if only that there is nothing; a silence of several means that it is dead.
LIVE_TIMEOUT = httpx.Timeout(20, connect=5)
LIVE_AGAIN_SECONDS = 1.0

Body = dict[str, Any]


class Unreachable(Exception):  # noqa: N818 - it names what happened
    """The system did not answer for as long as we are patient."""


class Refused(Exception):  # noqa: N818 - it names what happened
    """The system answered that it will not; the text holds its own title, never what was sent."""

    def __init__(self, status: int, title: str) -> None:
        super().__init__(f"{status} {title}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one line of a batch."""

    status: int
    body: Body

    @property
    def is_taken(self) -> bool:
        return self.status < 300  # noqa: PLR2004 - HTTP's own boundary of success

    @property
    def is_duplicate(self) -> bool:
        return self.body.get("duplicate") is True

    @property
    def title(self) -> str:
        """The system's own words for the refusal."""
        return problem_title(self.body.get("problem"))


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One server-sent event."""

    id: str | None
    name: str
    """`message`, or `reset`: everything that matches follows anew."""
    data: Body


@dataclass(slots=True)
class Counts:
    """What happened on the wire, for progress lines."""

    requests: int = 0
    retries: int = 0
    last_status: int = field(default=0)


class Api:
    """A client of one running system, who speaks as somebody; as an administrator unless said otherwise."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        tokens: Tokens,
        *,
        patience_seconds: float | None,
        who: Who = ADMIN,
        counts: Counts | None = None,
    ) -> None:
        self._client = client
        self._tokens = tokens
        self._patience_seconds = patience_seconds
        self._who = who
        self.counts = counts or Counts()

    def speaking_as(self, who: Who) -> "Api":
        """The same system, spoken to by somebody else."""
        return Api(self._client, self._tokens, patience_seconds=self._patience_seconds, who=who, counts=self.counts)

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> httpx.Response:
        """Ask; any answer that is not a success is an error.

        Raises:
            Refused: the system will not.
            Unreachable: it does not answer.
        """
        return checked(await self._send("GET", path, query=query))

    async def post(self, path: str, body: object, *, seen: str | None = None, key: str | None = None) -> httpx.Response:
        """Send one JSON body; a refusal is an answer that the caller reads.

        `seen` is the ETag of what is decided on; `key` makes several sendings count once.
        """
        return await self._send("POST", path, content=json.dumps(body).encode(), headers=_headers(seen, key))

    async def put(self, path: str, body: object, *, seen: str | None = None) -> httpx.Response:
        """Put one JSON body in place, with the ETag that was seen; a refusal is an answer that the caller reads."""
        return await self._send("PUT", path, content=json.dumps(body).encode(), headers=_headers(seen, None))

    async def live(self, path: str, query: Mapping[str, str] | None = None) -> AsyncIterator[LiveEvent]:
        """What matches, and then every change, for as long as somebody listens: a stream that breaks is taken up where it broke.

        Raises:
            Refused: the system will not.
        """
        last_id: str | None = None
        while True:
            try:
                headers = {"accept": "text/event-stream"} | ({"last-event-id": last_id} if last_id else {})
                async with self._opened("GET", path, query=query, headers=headers, patience=LIVE_TIMEOUT) as response:
                    if response.is_success:
                        async for event in _events(response):
                            last_id = event.id or last_id
                            yield event
                    elif response.status_code not in TRANSIENT | {UNAUTHORIZED}:
                        await response.aread()
                        checked(response)
            except httpx.TransportError:
                self.counts.retries += 1
            await asyncio.sleep(LIVE_AGAIN_SECONDS)

    async def look(self, path: str, query: Mapping[str, str] | None = None) -> httpx.Response:
        """Ask once, without patience and whatever the status: health checks answer 503 with a body.

        Raises:
            Unreachable: nobody listens.
        """
        try:
            return await self._client.get(path, params=query, headers=await self._authorization())
        except httpx.TransportError as error:
            raise Unreachable(type(error).__name__) from error

    async def batch(
        self, path: str, lines: Sequence[Body], *, on_answers: Callable[[int], None] = lambda _: None, size: int = LINES_A_BATCH
    ) -> list[Answer]:
        """Send lines as NDJSON and give the answer to each, in their order.

        Lines that got no answer, or one that passes by itself, are sent again.

        Raises:
            Refused: the whole batch was refused.
            Unreachable: the system does not answer.
        """
        answers: list[Answer | None] = [None] * len(lines)
        for begin in range(0, len(lines), size):
            await self._chunk(path, lines, range(begin, min(begin + size, len(lines))), answers, on_answers)
        return [answer for answer in answers if answer is not None]

    async def _chunk(
        self, path: str, lines: Sequence[Body], numbers: range, answers: list[Answer | None], on_answers: Callable[[int], None]
    ) -> None:
        open_numbers = list(numbers)
        attempts = _Attempts(self._patience_seconds)
        while open_numbers:
            retry_after: str | None = None
            content = b"".join(json.dumps(lines[number]).encode() + b"\n" for number in open_numbers)
            try:
                async for position, answer in self._stream_batch(path, content):
                    if answer.status not in TRANSIENT and 0 <= position < len(open_numbers):
                        answers[open_numbers[position]] = answer
                        on_answers(1)
            except httpx.TransportError as error:
                attempts.because(type(error).__name__)
            except _TryAgain as refusal:
                retry_after = refusal.retry_after
                attempts.because(str(refusal))
            still_open = [number for number in open_numbers if answers[number] is None]
            if len(still_open) < len(open_numbers):
                attempts = _Attempts(self._patience_seconds)
            open_numbers = still_open
            if open_numbers:
                self.counts.retries += 1
                await attempts.wait(retry_after)

    async def _stream_batch(self, path: str, content: bytes) -> AsyncIterator[tuple[int, Answer]]:
        async with self._opened("POST", path, content=content, headers=NDJSON) as response:
            if response.status_code in TRANSIENT or (response.status_code == UNAUTHORIZED and self._tokens.can_issue):
                raise _TryAgain(response.status_code, response.headers.get("retry-after"))
            if response.is_error:
                await response.aread()
                checked(response)
            async for line in response.aiter_lines():
                if not line.strip():
                    continue
                body = json.loads(line)
                # Lines are counted from 1, as in an editor.
                yield int(body["line"]) - 1, Answer(int(body["status"]), body)

    @asynccontextmanager
    async def _opened(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None = None,
        patience: httpx.Timeout | None = None,
    ) -> AsyncIterator[httpx.Response]:
        self.counts.requests += 1
        authorization = await self._authorization()
        async with self._client.stream(
            method, path, params=query, content=content, headers={**headers, **authorization}, timeout=patience or self._client.timeout
        ) as response:
            if response.status_code == UNAUTHORIZED:
                self._tokens.forget(authorization["authorization"].removeprefix("Bearer "))
            yield response

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        attempts = _Attempts(self._patience_seconds)
        may_renew = True
        while True:
            retry_after: str | None = None
            authorization = await self._authorization()
            self.counts.requests += 1
            try:
                response = await self._client.request(
                    method, path, params=query, content=content, headers={**(headers or {}), **authorization}
                )
            except httpx.TransportError as error:
                attempts.because(type(error).__name__)
            else:
                self.counts.last_status = response.status_code
                if response.status_code == UNAUTHORIZED and may_renew and self._tokens.can_issue:
                    may_renew = False
                    self._tokens.forget(authorization["authorization"].removeprefix("Bearer "))
                    continue
                if response.status_code not in TRANSIENT:
                    return response
                retry_after = response.headers.get("retry-after")
                attempts.because(f"status {response.status_code}")
            self.counts.retries += 1
            await attempts.wait(retry_after)

    async def _authorization(self) -> dict[str, str]:
        return {"authorization": f"Bearer {await self._tokens.get(self._who)}"}


async def _events(response: httpx.Response) -> AsyncIterator[LiveEvent]:
    said: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            said[name] = value.removeprefix(" ")
            continue
        # A comment has no name; an event without data is a `reset`, or says nothing.
        data = json.loads(said["data"]) if said.get("data") else {}
        if said.keys() & {"data", "event"}:
            yield LiveEvent(said.get("id"), said.get("event", "message"), data if isinstance(data, dict) else {})
        said = {}


def _headers(seen: str | None, key: str | None) -> dict[str, str]:
    headers = {"content-type": "application/json"}
    if seen is not None:
        headers["if-match"] = seen
    if key is not None:
        headers["idempotency-key"] = key
    return headers


def problem_title(problem: object) -> str:
    """The title of an RFC 9457 problem."""
    if isinstance(problem, Mapping) and isinstance(problem.get("title"), str):
        return str(problem["title"])
    return "no reason given"


class _TryAgain(Exception):  # noqa: N818 - it names what happened
    def __init__(self, status: int, retry_after: str | None) -> None:
        super().__init__(f"status {status}")
        self.retry_after = retry_after


class _Attempts:
    """How long we have been trying, and how long to wait before the next time."""

    def __init__(self, patience_seconds: float | None) -> None:
        self._until = None if patience_seconds is None else time.monotonic() + patience_seconds
        self._number = 0
        self._reason = "no answer to some lines"

    def because(self, reason: str) -> None:
        self._reason = reason

    async def wait(self, retry_after: str | None) -> None:
        if self._until is not None and time.monotonic() >= self._until:
            raise Unreachable(f"the system does not take it ({self._reason})")
        seconds = BACKOFF_SECONDS[min(self._number, len(BACKOFF_SECONDS) - 1)]
        self._number += 1
        if retry_after is not None and retry_after.isdecimal():
            seconds = min(float(retry_after), LONGEST_RETRY_AFTER_SECONDS)
        # Spread, so that many senders do not come back at the same moment.
        await asyncio.sleep(seconds * random.uniform(0.8, 1.2))  # noqa: S311 - spreads waiting, guards nothing


def checked(response: httpx.Response) -> httpx.Response:
    """The answer, unless it is a refusal.

    Raises:
        Refused: the system will not.
    """
    if response.is_error:
        try:
            problem = response.json()
        except ValueError:
            problem = None
        raise Refused(response.status_code, problem_title(problem))
    return response
