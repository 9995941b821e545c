"""A running system as those see it who use it through its API, whatever runs it: what they ask, say and are told."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from chassis.security.keys import Issuer
from chassis.security.roles import Role
from chassis.testing.waiting import eventually

from .kafka_log import Seen
from .oracle import FEED_COLUMNS, Oracle, Ward

_PLACES = (
    # municipality, VR and ROAZ as docs/domain §7 has them; the last is known by its VR alone, which straddles two ROAZ regions.
    ({"municipality": "GM0014"}, "VR01", "NN"),
    ({"municipality": "GM0119"}, "VR03", "ZW"),
    ({"municipality": "GM0599"}, "VR17", "ZWN"),
    ({"vr": "VR03"}, "VR03", "ONBEKEND"),
)
_HOSPITAL_WARDS = (("IC", "COVID_POS"), ("IC", "GEEN"), ("KLINIEK", "COVID_POS"))
_HOME_WARDS = (("ELV_HOOG", "GEEN"), ("ELV_HOOG", "COVID_POS"))


class Running(ABC):
    """Where the system is and how we show who we are; and how to look inside it, to tell whether what it says is true."""

    def __init__(self, url: str, issuer: Issuer) -> None:
        self.url = url
        self._issuer = issuer
        self.oracle = Oracle()
        self.client = self.speaker(self.token("admin"), timeout_seconds=15, connections=20)

    def speaker(self, token: str, *, timeout_seconds: float, connections: int) -> httpx.AsyncClient:
        """The connections of somebody who shows this token."""
        return httpx.AsyncClient(
            base_url=self.url,
            headers={"authorization": f"Bearer {token}"},
            timeout=timeout_seconds,
            limits=httpx.Limits(max_connections=connections),
        )

    # -- Looking inside --------------------------------------------------------------------------------------------------------------

    @abstractmethod
    async def records(self, topic: str) -> list[Seen]:
        """What lies on a topic."""

    @abstractmethod
    async def rows(self, service: str, query: str) -> list[dict[str, Any]]:
        """What a service's database answers."""

    # -- Speaking to it --------------------------------------------------------------------------------------------------------------

    def token(self, role: str, *, org: str | None = None, region: str | None = None, ttl_seconds: float = 43_200) -> str:
        return self._issuer.token(Role(role), org=org, region=region, ttl=timedelta(seconds=ttl_seconds))

    async def is_live(self, service: str = "capacity") -> bool:
        with suppress(httpx.TransportError):
            return (await self.client.get(f"/{service}/health/live")).status_code == 200
        return False

    async def is_ready(self, service: str) -> bool:
        with suppress(httpx.TransportError):
            return (await self.client.get(f"/{service}/health/ready")).status_code == 200
        return False

    async def is_up(self) -> None:
        """Wait until the API takes commands; workers may still be joining."""
        await eventually(self.is_live, timeout=60, every=0.1, what="the API")

    async def post(self, path: str, body: object) -> httpx.Response:
        return await self.client.post(path, json=body)

    async def created(self, path: str, body: object) -> Any:
        """Register something; asked to come back, as by a database that is slow to begin, we come back."""
        async with asyncio.timeout(30):
            while (answer := await self.post(path, body)).status_code == 503:
                await asyncio.sleep(0.3)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def get(self, path: str, **query: str) -> httpx.Response:
        return await self.client.get(path, params=query)

    async def register_wards(self) -> None:
        """Wards of hospitals and homes over a few regions, known to the oracle."""
        for place, vr, roaz in _PLACES:
            for sector, wards in (("ZIEKENHUIS", _HOSPITAL_WARDS), ("VVT", _HOME_WARDS)):
                self.oracle.know(await self.register(place, vr, roaz, sector, wards))

    async def register(self, place: Mapping[str, str], vr: str, roaz: str, sector: str, wards: Sequence[tuple[str, str]]) -> list[Ward]:
        """A location with its wards, through the API."""
        organisation = f"org-{vr}-{roaz}-{sector}".lower()
        body = {"name": f"Huis {vr}", "organisation": organisation, "sector": sector, **place}
        location_id = (await self.created("/capacity/v1/locations", body))["location_id"]
        registered = []
        for care_type, cohort in wards:
            body = {"location_id": location_id, "name": f"{care_type} {cohort}", "care_type": care_type, "cohort": cohort}
            unit_id = (await self.created("/capacity/v1/units", body))["unit_id"]
            registered.append(
                Ward(
                    unit_id=UUID(unit_id),
                    location_id=UUID(location_id),
                    organisation=organisation,
                    sector=sector,
                    care_type=care_type,
                    cohort=cohort,
                    vr=vr,
                    roaz=roaz,
                    source="EPD" if sector == "ZIEKENHUIS" else "ECD",
                )
            )
        return registered

    # -- What it says ----------------------------------------------------------------------------------------------------------------

    async def national(self) -> dict[str, dict[str, Any]]:
        """The national figures as the API gives them, by key."""
        answer = await self.get("/reporting/v1/national")
        assert answer.status_code == 200, answer.text
        return {figure_key(item): compared(item) for item in answer.json()["items"]}

    async def feed(self, first: str, last: str) -> dict[str, dict[str, str]]:
        """The LCPS feed by its own date."""
        answer = await self.client.get("/reporting/v1/feeds/lcps.csv", params={"from": first, "to": last})
        assert answer.status_code == 200, answer.text
        header, *lines = answer.text.strip().splitlines()
        assert header == ",".join(("Datum", *FEED_COLUMNS))
        return {cells[0]: dict(zip(FEED_COLUMNS, cells[1:], strict=True)) for cells in (line.split(",") for line in lines)}


def figure_key(figure: Mapping[str, Any]) -> str:
    """By which the topic and the oracle name it."""
    return "/".join(["beds", *(figure[name] for name in ("level", "region", "sector", "care_type", "cohort"))])


def compared(figure: Mapping[str, Any]) -> dict[str, Any]:
    """Of a figure, what can be told from what went in."""
    names = ("total", "open", "occupied", "reserved", "free", "held", "available", "units", "units_known")
    oldest = figure["oldest_observed_at"]
    return {
        **{name: figure[name] for name in names},
        "oldest_observed_at": datetime.fromisoformat(oldest) if oldest else None,
        "incomplete": figure.get("incomplete", False),
    }


def assert_same(found: object, expected: object) -> None:
    """Equal, or what differs: whole pictures are too long to be read."""
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        keys = sorted({*found, *expected}, key=str)
        differing = {key: (found.get(key), expected.get(key)) for key in keys if found.get(key) != expected.get(key)}
        assert not differing, f"found and expected: {dict(list(differing.items())[:6])} ({len(differing)} differ)"
    assert found == expected, f"found {found!r}, expected {expected!r}"
