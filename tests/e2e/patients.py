"""The people of one region at work: nurses who register, a coordinator who offers, providers who answer; every answer is kept."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson

from chassis.testing.waiting import eventually

from .running import Running

_PATIENCE_SECONDS = 90.0
_PAUSE_SECONDS = 0.2
_PASSING = frozenset({429, 503})
PROTOCOL = {"protocol": "basistriage-voorbeeld", "version": "2026.1", "complaint": "val"}
LIFE_IN_DANGER = {"hevig_bloeden": True}
NEEDS_A_BED = {"hevig_bloeden": False, "kan_niet_belasten": True}


@dataclass(frozen=True)
class Unit:
    """A unit as it was registered here, with as many places as it says it has."""

    unit_id: UUID
    location_id: UUID
    organisation: str
    care_type: str
    vr: str
    roaz: str


@dataclass
class Case:
    """A patient, by the id that is all that the other services know."""

    case_id: UUID
    tag: str


@dataclass(frozen=True)
class Offer:
    """An offer as it was given to the coordinator; the answer names its token and its ETag."""

    offer_id: UUID
    case_id: UUID
    unit: Unit
    token: str
    tag: str
    answer_by: datetime


@dataclass(frozen=True)
class Exchange:
    """What was sent to which address and what came back."""

    url: str
    answer: httpx.Response


@dataclass
class Region:
    """One veiligheidsregio, with a clock of its own for how fast it works."""

    system: Running
    vr: str = "VR03"
    roaz: str = "ZW"
    municipality: str = "GM0119"
    exchanges: list[Exchange] = field(default_factory=list)
    lost_answers: int = 0
    refused_for_now: int = 0
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    # -- Speaking --------------------------------------------------------------------------------------------------------------------

    def client(self, role: str, org: str | None = None) -> httpx.AsyncClient:
        """One person's connection; each provider is a person of its own."""
        name = f"{role} {org}"
        if name not in self.clients:
            token = self.system.token(role, org=org, region=self.vr if role == "coordinator" else None)
            self.clients[name] = self.system.speaker(token, timeout_seconds=20, connections=60)
        return self.clients[name]

    @property
    def nurse(self) -> httpx.AsyncClient:
        return self.client("triagist")

    @property
    def coordinator(self) -> httpx.AsyncClient:
        return self.client("coordinator")

    def provider(self, unit: Unit) -> httpx.AsyncClient:
        return self.client("provider", unit.organisation)

    async def say(
        self,
        who: httpx.AsyncClient,
        method: str,
        path: str,
        body: object = None,
        *,
        tag: str | None = None,
        key: str | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """One call, as it is."""
        headers = {name: value for name, value in (("if-match", tag), ("idempotency-key", key)) if value is not None}
        if content is None and body is not None:
            content = orjson.dumps(body, default=str)
        if content is not None:
            headers["content-type"] = "application/json"
        answer = await who.request(method, path, content=content, headers=headers)
        self.exchanges.append(Exchange(path, answer))
        return answer

    async def insist(
        self, who: httpx.AsyncClient, method: str, path: str, body: object = None, *, tag: str | None = None, key: str | None = None
    ) -> httpx.Response:
        """Until there is an answer, as a page does that lost its connection: the same words with the same key."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                try:
                    answer = await self.say(who, method, path, body, tag=tag, key=key)
                except httpx.TransportError:
                    self.lost_answers += 1
                else:
                    if answer.status_code not in _PASSING:
                        return answer
                    assert "retry-after" in answer.headers
                    self.refused_for_now += 1
                await asyncio.sleep(_PAUSE_SECONDS)

    async def done(
        self, who: httpx.AsyncClient, method: str, path: str, body: object = None, *, tag: str | None = None, key: str | None = None
    ) -> httpx.Response:
        """A call that must succeed."""
        answer = await self.say(who, method, path, body, tag=tag, key=key)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    # -- Beds ------------------------------------------------------------------------------------------------------------------------

    async def unit(self, organisation: str, care_type: str, *, places: int, occupied: int = 0) -> Unit:
        """A new unit that has reported."""
        admin = self.client("admin")
        location = {"name": "Huis", "organisation": organisation, "sector": "VVT", "municipality": self.municipality}
        location_id = (await self.done(admin, "POST", "/capacity/v1/locations", location)).json()["location_id"]
        body = {"location_id": location_id, "name": "Afdeling", "care_type": care_type, "cohort": "GEEN"}
        unit_id = (await self.done(admin, "POST", "/capacity/v1/units", body)).json()["unit_id"]
        unit = Unit(UUID(unit_id), UUID(location_id), organisation, care_type, self.vr, self.roaz)
        await self.report(unit, places=places, occupied=occupied)
        return unit

    async def units(self, many: int, care_type: str, *, places: int) -> list[Unit]:
        """Each of an organisation of its own, and all of them known to placement."""
        units = [await self.unit(f"zorg-{care_type.lower()}-{nth}", care_type, places=places) for nth in range(many)]
        await self.known(units)
        return units

    async def known(self, units: Sequence[Unit]) -> None:
        """Wait until placement knows the figures of these."""
        for unit in units:
            await eventually(partial(self._is_known, unit), timeout=60, every=0.05, what="placement to know the unit")

    async def _is_known(self, unit: Unit) -> bool:
        answer = await self.client("admin").get(f"/placement/v1/units/{unit.unit_id}/holds")
        return answer.status_code == 200 and answer.json()["free"] is not None

    async def report(self, unit: Unit, *, places: int, occupied: int, includes_holds: Sequence[UUID] = ()) -> None:
        """What the ward says now."""
        body = {
            "report_id": uuid4(),
            "unit_id": unit.unit_id,
            "source": "ECD",
            "age_seconds": 0,
            "total": places,
            "open": places,
            "occupied": occupied,
            "reserved": 0,
            "includes_holds": includes_holds,
        }
        answer = await self.insist(self.provider(unit), "POST", "/capacity/v1/reports", body)
        assert answer.status_code == 202, answer.text

    async def board(self, unit: Unit) -> dict[str, Any]:
        """The unit on the board."""
        answer = await self.client("admin").get("/capacity/v1/board", params={"vr": self.vr, "care_type": unit.care_type})
        assert answer.status_code == 200, answer.text
        [row] = [item for item in answer.json()["items"] if item["unit_id"] == str(unit.unit_id)]
        return dict(row)

    async def board_says(self, unit: Unit, *, within: float = 60, **figures: int) -> None:
        """Wait until the board shows the unit so."""

        async def shows() -> bool:
            row = await self.board(unit)
            assert {name: row[name] for name in figures} == figures
            return True

        await eventually(shows, timeout=within, every=0.03, what="the board")

    async def national(self, unit: Unit, level: str = "NL") -> dict[str, int]:
        """The three figures of the unit's cell."""
        region = {"NL": "NL", "ROAZ": self.roaz, "VR": self.vr}[level]
        national, key = await self.system.national(), f"beds/{level}/{region}/VVT/{unit.care_type}/GEEN"
        assert key in national, "the figure has not been said yet"
        figure = national[key]
        return {name: figure[name] for name in ("free", "held", "available")}

    async def national_says(self, unit: Unit, *, within: float = 60, **figures: int) -> None:
        """Wait until the figures of its region, its ROAZ region and the country are so."""

        async def shows() -> bool:
            for level in ("NL", "ROAZ", "VR"):
                assert await self.national(unit, level) == figures
            return True

        await eventually(shows, timeout=within, every=0.03, what="the national figure")

    # -- Patients --------------------------------------------------------------------------------------------------------------------

    async def case(self, patient: Mapping[str, str] | None = None, complaint: str = "kan niet meer alleen thuis") -> Case:
        """Somebody calls."""
        answer = await self.done(self.nurse, "POST", "/triage/v1/cases", self.contact(patient, complaint), key=str(uuid4()))
        return Case(UUID(answer.json()["case_id"]), answer.headers["etag"])

    def contact(self, patient: Mapping[str, str] | None = None, complaint: str = "kan niet meer alleen thuis") -> dict[str, Any]:
        called = {"channel": "TELEFOON", "caller_role": "HUISARTS", "municipality": self.municipality}
        return {**called, "complaint": complaint, "patient": patient or {}}

    async def assess(self, case: Case, answers: Mapping[str, bool]) -> str:
        """By the sample protocol; gives the urgency."""
        path = f"/triage/v1/cases/{case.case_id}/assessment"
        answer = await self.done(self.nurse, "PUT", path, {**PROTOCOL, "answers": answers}, tag=case.tag)
        case.tag = answer.headers["etag"]
        return str(answer.json()["urgency"])

    async def wish(self, case: Case, text: str, recorded_by: str) -> None:
        body = {"hospital": {"choice": "ANDERS", "text": text}, "recorded_by": recorded_by, "recorded_at": datetime.now(UTC)}
        answer = await self.done(self.nurse, "PUT", f"/triage/v1/cases/{case.case_id}/treatment-wishes", body, tag=case.tag)
        case.tag = answer.headers["etag"]

    def wanted(self, care_type: str, urgency: str = "U3") -> dict[str, Any]:
        place_by = datetime.now(UTC) + timedelta(hours=6)
        return {"care_type": care_type, "cohort": "GEEN", "urgency": urgency, "place_by": place_by, "region": self.vr}

    async def ask(self, case: Case, care_type: str) -> None:
        """Ask for a place, and wait until placement has taken it up."""
        path = f"/triage/v1/cases/{case.case_id}/placement-request"
        case.tag = (await self.done(self.nurse, "POST", path, self.wanted(care_type), tag=case.tag)).headers["etag"]
        await self.taken_up(case)

    async def taken_up(self, case: Case) -> None:
        async def is_there() -> bool:
            return (await self.coordinator.get(f"/placement/v1/requests/{case.case_id}")).status_code == 200

        await eventually(is_there, timeout=60, every=0.05, what="placement to take up the request")

    async def patient(self, care_type: str) -> Case:
        """A call and a request for a place."""
        case = await self.case()
        await self.ask(case, care_type)
        return case

    async def offer(self, case: Case, units: Sequence[Unit], *, answer_by: datetime | None = None) -> list[Offer]:
        """Offer it at these; gives those that had a place."""
        body = {"unit_ids": [unit.unit_id for unit in units], "answer_by": answer_by}
        answer = await self.done(self.coordinator, "POST", f"/placement/v1/requests/{case.case_id}/offers", body)
        return made(case, units, answer)

    async def offered(self, case: Case, unit: Unit) -> int:
        """Offer it at this one; gives how that was answered, whichever way."""
        path = f"/placement/v1/requests/{case.case_id}/offers"
        return (await self.say(self.coordinator, "POST", path, {"unit_ids": [unit.unit_id]})).status_code

    async def status(self, offer: Offer) -> str | None:
        """How the offer stands; None where nobody knows of it."""
        answer = await self.client("admin").get(f"/placement/v1/offers/{offer.offer_id}")
        return str(answer.json()["status"]) if answer.is_success else None

    async def accept(self, offer: Offer, *, key: str | None = None) -> httpx.Response:
        path = f"/placement/v1/offers/{offer.offer_id}/acceptance"
        return await self.say(self.provider(offer.unit), "POST", path, {"token": offer.token}, tag=offer.tag, key=key)

    async def decline(self, offer: Offer, reason: str = "GEEN_PERSONEEL") -> httpx.Response:
        path, body = f"/placement/v1/offers/{offer.offer_id}/decline", {"token": offer.token, "reason": reason}
        return await self.done(self.provider(offer.unit), "POST", path, body, tag=offer.tag)

    async def step(self, offer: Offer, what: str, tag: str, body: object = None) -> str:
        """A step of the journey; gives the ETag for the next."""
        path = f"/placement/v1/placements/{offer.offer_id}/{what}"
        return (await self.done(self.provider(offer.unit), "POST", path, body or {}, tag=tag)).headers["etag"]

    async def cancel(self, case: Case) -> None:
        """Nobody looks for a place any more."""
        path = f"/placement/v1/requests/{case.case_id}"
        tag = (await self.coordinator.get(path)).headers["etag"]
        await self.done(self.coordinator, "POST", f"{path}/cancellation", {"reason": "INGETROKKEN"}, tag=tag)


def made(case: Case, units: Sequence[Unit], answer: httpx.Response) -> list[Offer]:
    """The offers in an answer."""
    by_id = {str(unit.unit_id): unit for unit in units}
    return [
        Offer(
            UUID(result["offer_id"]),
            case.case_id,
            by_id[result["unit_id"]],
            result["token"],
            result["etag"],
            datetime.fromisoformat(result["answer_by"]),
        )
        for result in answer.json()["results"]
        if result["offer_id"] is not None
    ]


@asynccontextmanager
async def region(system: Running) -> AsyncIterator[Region]:
    """People who go home at the end."""
    people = Region(system)
    try:
        yield people
    finally:
        for client in people.clients.values():
            with suppress(httpx.TransportError):
                await client.aclose()
