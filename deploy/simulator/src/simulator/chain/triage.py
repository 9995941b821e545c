"""Triage's routes, as callers and triagists use them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from simulator.client import Api, Refused, checked

CASES = "/triage/v1/cases"
PROTOCOLS = "/triage/v1/protocols"
CHANGED_MEANWHILE = 412
ATTEMPTS = 4

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Protocol:
    """The pack that triagists work with."""

    name: str
    version: str
    complaints: Sequence[Mapping[str, Any]]


async def read_protocol(api: Api) -> Protocol:
    """The first pack that the system offers.

    Raises:
        Refused: the system will not.
        Unreachable: it does not answer.
    """
    listed = (await api.get(PROTOCOLS)).json()["items"][0]
    pack = (await api.get(f"{PROTOCOLS}/{listed['name']}/{listed['version']}")).json()
    return Protocol(pack["name"], pack["version"], pack["complaints"])


class Case:
    """One case, in the hands of somebody who decides on it."""

    def __init__(self, api: Api, case_id: str, seen: str | None = None) -> None:
        self._api = api
        self._seen = seen
        self.case_id = case_id

    @classmethod
    async def register(cls, api: Api, contact: Body, key: str | None = None) -> "Case":
        """A new contact."""
        response = checked(await api.post(CASES, contact, key=key))
        return cls(api, str(response.json()["case_id"]), response.headers.get("etag"))

    async def look(self) -> Body:
        """The case as it is now."""
        response = await self._api.get(f"{CASES}/{self.case_id}")
        self._seen = response.headers["etag"]
        case: Body = response.json()
        return case

    async def assess(self, protocol: Protocol, complaint: str, answers: Mapping[str, bool]) -> Body:
        """What the protocol says to these answers."""
        body = {"protocol": protocol.name, "version": protocol.version, "complaint": complaint, "answers": dict(answers)}
        said: Body = (await self._decide(lambda seen: self._api.put(self._path("assessment"), body, seen=seen))).json()
        return said

    async def wish(self, wishes: Body) -> None:
        """Record treatment wishes."""
        await self._decide(lambda seen: self._api.put(self._path("treatment-wishes"), wishes, seen=seen))

    async def ask_for_a_place(self, wanted: Body, key: str | None = None) -> None:
        """Ask placement for a place."""
        await self._decide(lambda seen: self._api.post(self._path("placement-request"), wanted, seen=seen, key=key))

    async def close(self, outcome: str) -> None:
        """Triage has done its part."""
        await self._decide(lambda seen: self._api.post(self._path("closure"), {"outcome": outcome}, seen=seen))

    def _path(self, step: str) -> str:
        return f"{CASES}/{self.case_id}/{step}"

    async def _decide(self, send: Callable[[str], Awaitable[httpx.Response]]) -> httpx.Response:
        """Decide on what was seen; where the case has changed meanwhile, look again and decide the same."""
        for _ in range(ATTEMPTS):
            if self._seen is None:
                await self.look()
            response = await send(str(self._seen))
            self._seen = response.headers.get("etag") if response.is_success else None
            if response.status_code != CHANGED_MEANWHILE:
                return checked(response)
        raise Refused(CHANGED_MEANWHILE, "changed again and again")
