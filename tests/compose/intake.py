"""When the services took what was brought to them, and when they did not."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass

import httpx

_NOT_NOW = frozenset({429, 502, 503, 504})
_READS = frozenset({"GET", "HEAD"})


@dataclass
class Refusal:
    """From when somebody first tried in vain until somebody was answered again."""

    service: str
    begun: float
    ended: float | None = None


class Intake:
    """Sees every call that brings something, of everybody."""

    def __init__(self) -> None:
        self.refusals: list[Refusal] = []
        self.taken = 0
        self._open: dict[str, Refusal] = {}

    @property
    def is_open(self) -> bool:
        """Whether nobody is being refused now, as far as anybody tries."""
        return not self._open

    def took(self, service: str, begun: float, now: float) -> None:
        self.taken += 1
        refusal = self._open.get(service)
        # What was on its way before tells nothing of now.
        if refusal is not None and begun >= refusal.begun:
            refusal.ended = now
            del self._open[service]

    def refused(self, service: str, begun: float) -> None:
        if service not in self._open:
            self._open[service] = Refusal(service, begun)
            self.refusals.append(self._open[service])

    def longest(self, begin: float, end: float) -> dict[str, float]:
        """Of each service the longest refusal, as far as it lies between these instants."""
        longest: dict[str, float] = defaultdict(float)
        for refusal in self.refusals:
            seconds = min(end, refusal.ended or end) - max(begin, refusal.begun)
            longest[refusal.service] = max(longest[refusal.service], seconds)
        return {service: seconds for service, seconds in longest.items() if seconds > 0}


class Noted(httpx.AsyncBaseTransport):
    """Connections whose calls are noted."""

    def __init__(self, inner: httpx.AsyncBaseTransport, intake: Intake) -> None:
        self._inner = inner
        self._intake = intake

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        loop = asyncio.get_running_loop()
        service, begun = request.url.path.split("/")[1], loop.time()
        if request.method in _READS:
            return await self._inner.handle_async_request(request)
        try:
            answer = await self._inner.handle_async_request(request)
        except httpx.TransportError:
            self._intake.refused(service, begun)
            raise
        if answer.status_code in _NOT_NOW:
            self._intake.refused(service, begun)
        else:
            self._intake.took(service, begun, loop.time())
        return answer

    async def aclose(self) -> None:
        await self._inner.aclose()
