"""A patient's way at 20 a second: through triage, to a request, to an offer on the stream; and the ranking over the whole country."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import aiohttp
import orjson

from tests.benchmarks.country import post_ndjson
from tests.benchmarks.figures import Latency

_LOCATIONS_A_REGION = 24
_UNITS_A_LOCATION = 25
# Nursing homes mostly, as the country has them: six kinds of care, and one ward in seven for a cohort.
KINDS = tuple(
    (care_type, cohort)
    for care_type in ("ELV_LAAG", "ELV_HOOG", "GRZ", "WLZ_REGULIER", "ELV_PALLIATIEF", "WZD_PLEK")
    for cohort in (*("GEEN",) * 6, "COVID_POS")
)
"""What the country's units give: pairs of care type and cohort."""
_WANTED = ("ELV_HOOG", "GEEN")


@dataclass
class Journeys:
    """What 20 patients a second met on their way, in seconds."""

    triage: list[float] = field(default_factory=list)
    """Each of the three calls of a nurse."""
    candidates: list[float] = field(default_factory=list)
    requested_at: dict[str, float] = field(default_factory=dict)
    offered_at: dict[str, float] = field(default_factory=dict)
    refused: int = 0
    unanswered: int = 0
    """Patients of whom a call was not taken: a system that is asked too much says so, and the figure says how often."""

    @property
    def to_first_offer(self) -> Latency:
        """From the nurse's request to the first offer on the stream."""
        return Latency.of([self.offered_at[case] - at for case, at in self.requested_at.items() if case in self.offered_at])


class NotTakenError(Exception):
    """A call was answered with an error; its status."""


async def registered_country(session: aiohttp.ClientSession) -> int:
    """Register 15,000 units over the regions and report of each that there is room; gives how many there are."""
    kinds = itertools.cycle(KINDS)
    lines: list[dict[str, object]] = []
    for region, number in itertools.product(range(1, 26), range(_LOCATIONS_A_REGION)):
        location = f"land-{region:02d}-{number:02d}"
        lines.append(
            {
                "kind": "location",
                "name": f"Huis {location}",
                "organisation": f"zorggroep-{region:02d}-{number % 6}",
                "sector": "VVT",
                "vr": f"VR{region:02d}",
                "external_id": location,
            }
        )
        for unit in range(_UNITS_A_LOCATION):
            care_type, cohort = next(kinds)
            lines.append(
                {
                    "kind": "unit",
                    "location_external_id": location,
                    "organisation": f"zorggroep-{region:02d}-{number % 6}",
                    "name": f"Afdeling {unit}",
                    "care_type": care_type,
                    "cohort": cohort,
                    "external_id": f"{location}-{unit}",
                }
            )
    answers = await post_ndjson(session, "/capacity/v1/registry/batch", lines)
    units = [answer["unit_id"] for answer in answers if answer.get("unit_id")]
    now = datetime.now(UTC).isoformat()
    reports: list[dict[str, object]] = [
        {
            "report_id": str(uuid4()),
            "unit_id": unit,
            "source": "ECD",
            "observed_at": now,
            "total": 40,
            "open": 40,
            "occupied": 10 + nth % 25,
            "reserved": 0,
        }
        for nth, unit in enumerate(units)
    ]
    await post_ndjson(session, "/capacity/v1/reports/batch", reports)
    return len(units)


async def patients(session: aiohttp.ClientSession, rate: int, seconds: int) -> Journeys:
    """So many patients a second go through triage; a coordinator offers each the first candidate as soon as the request shows."""
    met = Journeys()
    protocol = await _protocol(session)
    streams = [
        asyncio.ensure_future(_events(session, "/placement/v1/requests/stream", _coordinator(session, met))),
        asyncio.ensure_future(_events(session, "/placement/v1/offers/stream", _watcher(met))),
    ]
    await asyncio.sleep(1)
    begun = time.perf_counter()
    calls = []
    for nth in range(rate * seconds):
        await asyncio.sleep(max(0.0, begun + nth / rate - time.perf_counter()))
        calls.append(asyncio.ensure_future(_patient(session, protocol, f"VR{1 + nth % 25:02d}", met)))
    met.unanswered = sum(isinstance(outcome, NotTakenError) for outcome in await asyncio.gather(*calls, return_exceptions=True))
    end = time.perf_counter() + 30
    while time.perf_counter() < end and met.requested_at.keys() - met.offered_at.keys():
        await asyncio.sleep(0.05)
    for stream in streams:
        stream.cancel()
    await asyncio.gather(*streams, return_exceptions=True)
    return met


async def candidates_one_by_one(session: aiohttp.ClientSession, cases: Sequence[str], how_many: int) -> Latency:
    """The ranked list of a request, as a coordinator opens it, one after the other."""
    spent = []
    for case in itertools.islice(itertools.cycle(cases), how_many):
        begun = time.perf_counter()
        async with session.get(f"/placement/v1/requests/{case}/candidates") as answer:
            answer.raise_for_status()
            await answer.read()
        spent.append(time.perf_counter() - begun)
    return Latency.of(spent)


async def _protocol(session: aiohttp.ClientSession) -> dict[str, Any]:
    """A complaint of the sample pack that does not lead to 112, and the answers that make it so."""
    async with session.get("/triage/v1/protocols") as answer:
        listed = (await answer.json())["items"][0]
    async with session.get(f"/triage/v1/protocols/{listed['name']}/{listed['version']}") as answer:
        pack = await answer.json()
    complaint = pack["complaints"][0]
    mildest = complaint["criteria"][-1]
    answers = {criterion["id"]: criterion["id"] == mildest["id"] for criterion in complaint["criteria"]}
    return {"protocol": listed["name"], "version": listed["version"], "complaint": complaint["id"], "answers": answers}


async def _patient(session: aiohttp.ClientSession, protocol: dict[str, Any], region: str, met: Journeys) -> None:
    contact = {
        "channel": "TELEFOON",
        "caller_role": "HUISARTS",
        "municipality": "GM0599",
        "complaint": "benchmark",
        # Somebody else each time: calls about one person wait for each other, so that a second contact is known as one.
        "patient": {"name": f"BENCH {uuid4()}", "birth_date": "1941-05-12"},
    }
    case, tag = await _call(session.post("/triage/v1/cases", json=contact), met)
    case_id = case["case_id"]
    assessed, tag = await _call(session.put(f"/triage/v1/cases/{case_id}/assessment", json=protocol, headers={"If-Match": tag}), met)
    care_type, cohort = _WANTED
    wanted = {
        "care_type": care_type,
        "cohort": cohort,
        "urgency": assessed["urgency"],
        "place_by": (datetime.now(UTC) + timedelta(hours=8)).isoformat(),
        "region": region,
    }
    begun = time.perf_counter()
    await _call(session.post(f"/triage/v1/cases/{case_id}/placement-request", json=wanted, headers={"If-Match": tag}), met)
    met.requested_at[case_id] = begun


async def _call(request: Any, met: Journeys) -> tuple[dict[str, Any], str]:
    begun = time.perf_counter()
    async with request as answer:
        body = await answer.json(content_type=None)
        if answer.status >= 300:
            raise NotTakenError(answer.status)
        met.triage.append(time.perf_counter() - begun)
        return body, answer.headers.get("ETag", "")


def _coordinator(session: aiohttp.ClientSession, met: Journeys) -> Callable[[dict[str, Any]], Awaitable[None]]:
    seen: set[str] = set()

    async def act(request: dict[str, Any]) -> None:
        case = request["case_id"]
        if case in seen or request["open_offers"] or request["status"] != "OPEN":
            return
        seen.add(case)
        begun = time.perf_counter()
        async with session.get(f"/placement/v1/requests/{case}/candidates?limit=3") as answer:
            ranked = (await answer.json())["items"]
        met.candidates.append(time.perf_counter() - begun)
        async with session.post(f"/placement/v1/requests/{case}/offers", json={"unit_ids": [ranked[0]["unit_id"]]}) as answer:
            met.refused += answer.status != 201

    return act


def _watcher(met: Journeys) -> Callable[[dict[str, Any]], Awaitable[None]]:
    async def note(offer: dict[str, Any]) -> None:
        met.offered_at.setdefault(offer["case_id"], time.perf_counter())

    return note


async def _events(session: aiohttp.ClientSession, path: str, take: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """Hand every item of a live list on; those taken run beside the reading."""
    running: set[asyncio.Future[None]] = set()
    async with session.get(path) as answer:
        answer.raise_for_status()
        kind = b""
        async for line in answer.content:
            if line.startswith(b"event:"):
                kind = line[6:].strip()
            elif line.startswith(b"data:") and kind in {b"", b"message"}:
                task = asyncio.ensure_future(take(orjson.loads(line[5:])))
                running.add(task)
                task.add_done_callback(running.discard)
            elif not line.strip():
                kind = b""
