"""A region at a steady rate of calls, whatever breaks meanwhile: what was answered is kept, for the check afterwards."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx

from .checker import Done, Evidence
from .patients import Case, Offer, Region, Unit, made
from .running import Running

_NURSES = 14
_ASKED_AT_MOST = 3
_TRIES = 4


class BusyDay:
    """Patients one after another through triage and placement; a call is repeated with its key until it is answered."""

    def __init__(self, people: Region, units: list[Unit], *, places: int, rate: float, seed: int = 1) -> None:
        self._people = people
        self._units = units
        self._places = places
        self._rate = rate
        # The same day each time, as far as timing lets it be the same.
        self._random = random.Random(seed)
        self._next_at = 0.0
        self._is_over = False
        self._living_in: dict[UUID, list[UUID]] = defaultdict(list)
        self._reporting = {unit.unit_id: asyncio.Lock() for unit in units}
        self.done: list[Done] = []
        self.calls = 0
        self.place_gone = 0
        self.repeated = 0
        self.admitted = 0
        self.surprises: list[str] = []
        """Answers that nobody should get, and repeated calls that were answered otherwise."""

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Everybody works during the block, and ends what they were doing after it."""
        nurses = [asyncio.create_task(self._work()) for _ in range(_NURSES)]
        try:
            yield
            self._is_over = True
            await asyncio.wait_for(asyncio.gather(*nurses), 240)
        finally:
            for nurse in nurses:
                nurse.cancel()

    async def evidence(self, system: Running) -> Evidence:
        """All that it left behind; to be asked when everything has settled."""
        offers, requests, units, timers = [
            await system.rows("placement", f"select * from {table}") for table in ("offers", "requests", "units", "timers")
        ]
        [clock] = await system.rows("placement", "select db_clock() as now")
        cases, placements, holds = [
            await system.records(topic) for topic in ("triage.cases.v1", "placement.placements.v1", "placement.holds.v1")
        ]
        return Evidence(
            done=self.done,
            places={unit.unit_id: self._places for unit in self._units},
            cases=cases,
            placements=placements,
            holds=holds,
            offers=offers,
            requests=requests,
            timers=timers,
            units=units,
            now=clock["now"],
        )

    async def _work(self) -> None:
        while not self._is_over:
            await self._patient()

    async def _patient(self) -> None:
        nurse = self._people.nurse
        answer = await self._call(nurse, "POST", "/triage/v1/cases", self._people.contact(), expected={201})
        case = Case(UUID(answer.json()["case_id"]), answer.headers["etag"])
        self.done.append(Done("case-registered", case.case_id))
        path = f"/triage/v1/cases/{case.case_id}/placement-request"
        wanted = self._people.wanted(self._units[0].care_type, self._random.choice(["U2", "U3"]))
        await self._call(nurse, "POST", path, wanted, tag=case.tag, expected={201})
        self.done.append(Done("placement-requested", case.case_id))
        request = f"/placement/v1/requests/{case.case_id}"
        async with asyncio.timeout(120):
            while (await self._call(self._people.coordinator, "GET", request, expected={200, 404})).status_code == 404:
                await asyncio.sleep(0.3)
        for _ in range(_TRIES):
            asked = self._random.sample(self._units, self._random.randint(1, _ASKED_AT_MOST))
            body = {"unit_ids": [unit.unit_id for unit in asked]}
            answer = await self._call(self._people.coordinator, "POST", f"{request}/offers", body, expected={201, 409})
            if answer.status_code == 409:
                self.place_gone += 1
                continue
            offers = made(case, asked, answer)
            self.done += [Done("offer-made", offer.offer_id) for offer in offers]
            if await self._answered(offers):
                return

    async def _answered(self, offers: list[Offer]) -> bool:
        """What the providers say; whether the coordinator is done with this patient."""
        fate = self._random.random()
        if fate < 0.1:
            # Nobody answers: the deadline or somebody else decides.
            return True
        if fate < 0.3:
            for offer in offers:
                await self._provider(offer, "decline", {"reason": "GEEN_PERSONEEL"}, "offer-declined")
            return False
        accepted = await asyncio.gather(*(self._provider(offer, "acceptance", {}, "offer-accepted") for offer in offers))
        winners = [(offer, answer) for offer, answer in zip(offers, accepted, strict=True) if answer.status_code == 200]
        if len(winners) != 1:
            self.surprises.append(f"case {offers[0].case_id}: {len(winners)} of {len(offers)} won")
            return True
        [(offer, answer)] = winners
        await self._journey(offer, answer.headers["etag"])
        return True

    async def _journey(self, offer: Offer, tag: str) -> None:
        fate = self._random.random()
        if fate < 0.15:
            await self._step(offer, "release", tag, "placement-released", {"reason": "VERVOER"})
            return
        if fate < 0.7:
            tag = await self._step(offer, "transport", tag, "transport-left")
        if fate < 0.9:
            await self._step(offer, "admission", tag, "patient-admitted")
            self.admitted += 1
            async with self._reporting[offer.unit.unit_id]:
                living = self._living_in[offer.unit.unit_id]
                living.append(offer.offer_id)
                await self._turn()
                await self._people.report(offer.unit, places=self._places, occupied=len(living), includes_holds=living)

    async def _step(self, offer: Offer, what: str, tag: str, fact: str, body: object = None) -> str:
        path = f"/placement/v1/placements/{offer.offer_id}/{what}"
        answer = await self._call(self._people.provider(offer.unit), "POST", path, body or {}, tag=tag, expected={200})
        self.done.append(Done(fact, offer.offer_id))
        return answer.headers["etag"]

    async def _provider(self, offer: Offer, what: str, body: dict[str, Any], fact: str) -> httpx.Response:
        path = f"/placement/v1/offers/{offer.offer_id}/{what}"
        answer = await self._call(
            self._people.provider(offer.unit), "POST", path, {**body, "token": offer.token}, tag=offer.tag, expected={200, 409}
        )
        if answer.status_code == 200:
            self.done.append(Done(fact, offer.offer_id))
        return answer

    async def _call(
        self, who: httpx.AsyncClient, method: str, path: str, body: object = None, *, expected: set[int], tag: str | None = None
    ) -> httpx.Response:
        key = str(uuid4()) if method == "POST" else None
        await self._turn()
        answer = await self._people.insist(who, method, path, body, tag=tag, key=key)
        if answer.status_code not in expected:
            self.surprises.append(f"{method} {path}: {answer.status_code} {answer.text}")
        assert answer.status_code in expected, self.surprises[-1]
        if key is not None and self._random.random() < 0.1:
            # Whoever is not sure presses again.
            self.repeated += 1
            await self._turn()
            again = await self._people.insist(who, method, path, body, tag=tag, key=key)
            if (again.status_code, again.content) != (answer.status_code, answer.content):
                self.surprises.append(f"{method} {path}: {answer.status_code}, and with the same key {again.status_code}")
        return answer

    async def _turn(self) -> None:
        """So many calls a second, and not more."""
        now = asyncio.get_running_loop().time()
        self._next_at = max(self._next_at, now) + 1 / self._rate
        self.calls += 1
        await asyncio.sleep(self._next_at - 1 / self._rate - now)
