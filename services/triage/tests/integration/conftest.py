"""Triage as its users meet it: the real API on a real database; what placement tells is put in as its worker would get it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
import pytest_asyncio

from chassis.messaging.reading import Received
from chassis.security.roles import Role
from chassis.testing.databases import Databases
from chassis.testing.in_process import InProcess
from contracts.event import FIRST_VERSION, Event
from contracts.placement import (
    PLACEMENTS,
    OfferAcceptedV1,
    OfferDeclinedV1,
    OfferMadeV1,
    PatientAdmittedV1,
    PlacementHeartbeatV1,
    PlacementReleasedV1,
    RequestClosedV1,
    TransportLeftV1,
)
from triage.bootstrap import api
from triage.config import TriageSettings
from triage.entrypoints.stream import note_parked, placements

MARK = "GEMERKT"
"""Stands in all that tells who a patient is, so that a test can search for it everywhere."""

THUISZORG = "thuiszorg-noord"


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Answered:
    """A case and the tag of what was last seen of it."""

    case_id: str
    etag: str


@dataclass
class Triage(InProcess[TriageSettings]):
    """A running triage service, and the people who use it."""

    tokens: dict[tuple[Any, ...], str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)

    def token(self, role: Role = Role.TRIAGIST, org: str | None = None, subject: str | None = None) -> str:
        key = (role, org, subject)
        if key not in self.tokens:
            self.tokens[key] = self.issuer.token(role, org=org, subject=subject or f"{role}-{org}", ttl=timedelta(hours=1))
        return self.tokens[key]

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: Role = Role.TRIAGIST,
        org: str | None = None,
        subject: str | None = None,
        seen: str | None = None,
        key: str | None = None,
    ) -> httpx.Response:
        content = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        headers = {"Authorization": f"Bearer {self.token(role, org, subject)}"}
        if content:
            headers["Content-Type"] = "application/json"
        if seen is not None:
            headers["If-Match"] = seen
        if key is not None:
            headers["Idempotency-Key"] = key
        return await self.client.request(method, f"/triage/v1/{path}", content=content, headers=headers)

    async def get(self, path: str, **how: Any) -> httpx.Response:
        return await self.send("GET", path, **how)

    async def register(self, *, role: Role = Role.TRIAGIST, org: str | None = None, subject: str | None = None, **fields: Any) -> Answered:
        answer = await self.send("POST", "cases", a_contact(**fields), role=role, org=org, subject=subject)
        assert answer.status_code == 201, answer.text
        return Answered(answer.json()["case_id"], answer.headers["etag"])

    async def assess(
        self, case: Answered, answers: Mapping[str, bool], *, complaint: str = "val", pain: int | None = None
    ) -> dict[str, Any]:
        answer = await self.put_assessment(case, answers, complaint=complaint, pain=pain)
        assert answer.status_code == 200, answer.text
        case.etag = answer.headers["etag"]
        outcome: dict[str, Any] = answer.json()
        return outcome

    async def put_assessment(
        self, case: Answered, answers: Mapping[str, bool], *, complaint: str = "val", pain: int | None = None, **how: Any
    ) -> httpx.Response:
        body = {"protocol": "basistriage-voorbeeld", "version": "2026.1", "complaint": complaint, "answers": answers, "pain": pain}
        return await self.send("PUT", f"cases/{case.case_id}/assessment", body, **{"seen": case.etag, **how})

    async def put_wishes(self, case: Answered, **fields: Any) -> httpx.Response:
        how = {name: fields.pop(name) for name in ("role", "org", "subject", "seen") if name in fields}
        return await self.send("PUT", f"cases/{case.case_id}/treatment-wishes", some_wishes(**fields), **{"seen": case.etag, **how})

    async def ask(self, case: Answered, **fields: Any) -> httpx.Response:
        how = {name: fields.pop(name) for name in ("role", "org", "subject", "seen", "key") if name in fields}
        answer = await self.send("POST", f"cases/{case.case_id}/placement-request", a_request(**fields), **{"seen": case.etag, **how})
        case.etag = answer.headers.get("etag", case.etag)
        return answer

    async def close(self, case: Answered, outcome: str = "ADVIES", **how: Any) -> httpx.Response:
        return await self.send("POST", f"cases/{case.case_id}/closure", {"outcome": outcome}, **{"seen": case.etag, **how})

    async def shown(self, case: Answered, **how: Any) -> dict[str, Any]:
        answer = await self.get(f"cases/{case.case_id}", **how)
        assert answer.status_code == 200, answer.text
        case.etag = answer.headers["etag"]
        shown: dict[str, Any] = answer.json()
        return shown

    async def queue(self, query: str = "", **how: Any) -> list[str]:
        answer = await self.get(f"cases{query}", **how)
        assert answer.status_code == 200, answer.text
        return [item["case_id"] for item in answer.json()["items"]]

    async def timeline(self, case: Answered) -> list[str]:
        answer = await self.get(f"cases/{case.case_id}/timeline")
        assert answer.status_code == 200, answer.text
        return [item["what"] for item in answer.json()["items"]]

    async def hears(self, *events: Event, version: int | None = None, partition: int = 0, at: datetime | None = None) -> None:
        """What the worker does with events of placement, each in a batch of its own."""
        for event in events:
            key = event.subject
            told_as = version or self.versions.get(key, FIRST_VERSION)
            self.versions[key] = max(told_as, self.versions.get(key, 0)) + 1
            received = Received(event, key, told_as, PLACEMENTS.name, partition, 0, at or now(), at or now())
            async with self.database.begin() as tx:
                await placements().handlers[type(event)](tx, [received])

    async def hears_heartbeat(self, *, partition: int = 0, ago: timedelta = timedelta()) -> None:
        at = now() - ago
        await self.hears(PlacementHeartbeatV1(partition=partition, at=at), partition=partition, at=at)

    async def is_parked(self, case: Answered, is_parked: bool) -> None:
        async with self.database.begin() as tx:
            await note_parked(tx, [case.case_id, "heartbeat/0"], is_parked)

    async def published(self, case: Answered | None = None) -> list[tuple[str, dict[str, Any]]]:
        """What is in the outbox, in its order."""
        rows = await self.rows(
            "select type, payload from outbox where $1::text is null or aggregateid = $1 order by id", case.case_id if case else None
        )
        return [(row["type"].split(".")[-2], orjson.loads(row["payload"])) for row in rows]

    async def everything_stored(self) -> str:
        """All rows of all tables, as text; bytes as they would read if they were text."""
        tables = await self.rows("select tablename from pg_tables where schemaname = 'public'")
        stored = []
        for table in tables:
            for row in await self.rows(f'select * from "{table["tablename"]}"'):
                stored += [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in row.values()]
        return "\n".join(stored)


def a_contact(**fields: Any) -> dict[str, Any]:
    """A call with everything told; a field given as `...` is left out."""
    contact = {
        "channel": "TELEFOON",
        "caller_role": "MANTELZORGER",
        "municipality": "GM0106",
        "complaint": f"Moeder is gevallen {MARK}",
        "origin": "THUIS",
        "patient": {"bsn": "999990011", "name": f"Wil {MARK}", "birth_date": "1938-03-01", "phone": f"0612345678 {MARK}"},
        "needs": {"lift": True},
        **fields,
    }
    return {name: value for name, value in contact.items() if value is not ...}


def some_wishes(**fields: Any) -> dict[str, Any]:
    return {
        "hospital": {"choice": "JA"},
        "ic": {"choice": "ANDERS", "text": f"alleen kort {MARK}"},
        "resuscitation": {"choice": "NEE"},
        "ventilation": {"choice": "JA", "until": (now() + timedelta(days=2)).date().isoformat()},
        "recorded_by": f"Huisarts {MARK}",
        "recorded_at": now().isoformat(),
        **fields,
    }


def a_request(**fields: Any) -> dict[str, Any]:
    request = {
        "care_type": "ELV_HOOG",
        "cohort": "GEEN",
        "urgency": "U3",
        "place_by": (now() + timedelta(hours=4)).isoformat(),
        "region": "VR03",
        **fields,
    }
    return {name: value for name, value in request.items() if value is not ...}


class Offer:
    """An offer of a place, and what becomes of it."""

    def __init__(self, case: Answered, *, organisation: str = THUISZORG, round: int = 1) -> None:  # noqa: A002  the contract's word
        self.unit_id = uuid4()
        self.fields = {
            "case_id": UUID(case.case_id),
            "round": round,
            "offer_id": uuid4(),
            "unit_id": self.unit_id,
            "location_id": uuid4(),
            "organisation": organisation,
            "sector": "VVT",
            "care_type": "ELV_HOOG",
            "cohort": "GEEN",
            "vr": "VR03",
            "roaz": "NN",
        }

    @property
    def made(self) -> OfferMadeV1:
        return OfferMadeV1(**self.fields, is_automatic=False, made_at=now(), answer_by=now() + timedelta(minutes=30))

    @property
    def accepted(self) -> OfferAcceptedV1:
        return OfferAcceptedV1(**self.fields, requested_at=now(), made_at=now(), accepted_at=now(), held_until=now() + timedelta(hours=6))

    def declined(self, reason: str) -> OfferDeclinedV1:
        return OfferDeclinedV1(**self.fields, reason=reason, made_at=now(), declined_at=now())

    @property
    def left(self) -> TransportLeftV1:
        return TransportLeftV1(**self.fields, left_at=now())

    @property
    def admitted(self) -> PatientAdmittedV1:
        return PatientAdmittedV1(**self.fields, requested_at=now(), admitted_at=now())

    def released(self, why: str = "CANCELLED") -> PlacementReleasedV1:
        return PlacementReleasedV1(**self.fields, why=why, released_at=now())

    def closed(self, how: str) -> RequestClosedV1:
        return RequestClosedV1(case_id=self.fields["case_id"], round=self.fields["round"], how=how, closed_at=now())


@pytest.fixture
def offer_of() -> type[Offer]:
    return Offer


@pytest_asyncio.fixture(scope="session")
async def running(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Triage]:
    """One service for all tests: starting it costs more than most of them."""
    keys = tmp_path_factory.mktemp("keys")
    async with Triage.running("triage", TriageSettings, api, databases=databases, keys_dir=keys) as service:
        yield service


@pytest_asyncio.fixture
async def triage(running: Triage) -> Triage:
    """The service with an empty database."""
    await running.empties()
    running.versions.clear()
    return running
