"""Capacity as its users meet it: the real API on a real database; the relay and Kafka are left to those tests that need them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
import pytest_asyncio

from capacity.application.expire_units import UNIT_EXPIRES
from capacity.bootstrap import api, expiring
from capacity.config import CapacitySettings
from capacity.entrypoints.stream import holds
from chassis.messaging.reading import Received
from chassis.security.roles import Role
from chassis.testing.apis import started_api
from chassis.testing.databases import Databases
from chassis.testing.in_process import InProcess
from chassis.testing.processes import Processes
from chassis.testing.streams import Stream
from chassis.worker.timers import TimerLoop
from contracts.placement import HOLDS, Held, HoldsChangedV1

ZORGGROEP = "zorggroep-oost"
NOW = partial(datetime.now, UTC)


@dataclass
class Capacity(InProcess[CapacitySettings]):
    """A running capacity service, and the people who use it."""

    tokens: dict[tuple[Role, str | None, int], str] = field(default_factory=dict)

    def a_report(self, unit_id: str, **fields: Any) -> dict[str, Any]:
        return a_report(unit_id, **fields)

    def held(self, unit_id: str, *hold_ids: UUID, **other: Any) -> HoldsChangedV1:
        return held(unit_id, *hold_ids, **other)

    def token(self, role: Role = Role.PROVIDER, org: str | None = ZORGGROEP, ttl: int = 3600) -> str:
        key = (role, org, ttl)
        if key not in self.tokens:
            self.tokens[key] = self.issuer.token(role, org=org, ttl=timedelta(seconds=ttl))
        return self.tokens[key]

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: Role = Role.PROVIDER,
        org: str | None = ZORGGROEP,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        content = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        sent = {
            "Authorization": f"Bearer {self.token(role, org)}",
            **({"Content-Type": "application/json"} if content else {}),
            **(headers or {}),
        }
        return await self.client.request(method, f"/capacity/v1/{path}", content=content, headers=sent)

    async def post(self, path: str, body: Any = None, **how: Any) -> httpx.Response:
        return await self.send("POST", path, body, **how)

    async def get(self, path: str, **how: Any) -> httpx.Response:
        return await self.send("GET", path, **how)

    async def lines(self, path: str, lines: list[Any], **how: Any) -> list[dict[str, Any]]:
        body = b"\n".join(line if isinstance(line, bytes) else orjson.dumps(line) for line in lines) + b"\n"
        answer = await self.post(path, body, headers={"Content-Type": "application/x-ndjson"}, **how)
        assert answer.status_code == 200, answer.text
        return [orjson.loads(line) for line in answer.content.splitlines()]

    async def location(self, **fields: Any) -> str:
        form = {"name": "De Linde", "sector": "VVT", "municipality": "GM0200", **fields}
        answer = await self.post("locations", {name: value for name, value in form.items() if value is not ...})
        assert answer.status_code in (200, 201), answer.text
        return str(answer.json()["location_id"])

    async def unit(self, location_id: str | None = None, **fields: Any) -> str:
        location_id = location_id or await self.location()
        answer = await self.post("units", {"location_id": location_id, "name": "Eik", "care_type": "ELV_HOOG", "cohort": "GEEN", **fields})
        assert answer.status_code in (200, 201), answer.text
        return str(answer.json()["unit_id"])

    async def report(self, unit_id: str, *, role: Role = Role.PROVIDER, org: str | None = ZORGGROEP, **fields: Any) -> dict[str, Any]:
        answer = await self.post("reports", a_report(unit_id, **fields), role=role, org=org)
        assert answer.status_code == 202, answer.text
        taken: dict[str, Any] = answer.json()
        return taken

    async def shown(self, unit_id: str) -> dict[str, Any]:
        answer = await self.get(f"units/{unit_id}")
        assert answer.status_code == 200, answer.text
        return {**answer.json(), "etag": answer.headers["etag"]}

    async def figures(self, unit_id: str) -> tuple[Any, ...]:
        shown = await self.shown(unit_id)
        return tuple(shown[name] for name in ("total", "open", "occupied", "reserved", "free"))

    async def on_board(self, query: str = "") -> dict[str, dict[str, Any]]:
        """The board, by unit."""
        answer = await self.get(f"board{query}")
        assert answer.status_code == 200, answer.text
        return {item["unit_id"]: item for item in answer.json()["items"]}

    async def placement_tells(self, *told: HoldsChangedV1) -> None:
        """What the worker does with a batch of what placement holds."""
        received = [Received(event, str(event.unit_id), nth, HOLDS.name, 0, nth, NOW(), NOW()) for nth, event in enumerate(told, 1)]
        async with self.database.begin() as tx:
            await holds(self.settings.age_limits).handlers[HoldsChangedV1](tx, received)

    async def placement_is_not_understood(self, unit_id: str, *, is_parked: bool) -> None:
        """What the worker does when it parks what placement says of a unit, and when it has a newer state."""
        on_parked = holds(self.settings.age_limits).on_parked
        assert on_parked is not None
        async with self.database.begin() as tx:
            await on_parked(tx, [unit_id], is_parked)

    async def published(self, topic: str, key: str | None = None) -> list[dict[str, Any]]:
        """What is in the outbox for this topic, in its order."""
        rows = await self.rows(
            "select payload, version from outbox where aggregatetype = $1 and ($2::text is null or aggregateid = $2) order by id",
            topic,
            key,
        )
        return [{**orjson.loads(row["payload"]), "_version": row["version"]} for row in rows]

    async def timers_go_off(self) -> None:
        """What the worker does four times a second."""
        loop = TimerLoop(self.database, "capacity", {UNIT_EXPIRES: expiring(self.settings)})
        while await loop.fire_due():
            pass


def a_report(unit_id: str, **fields: Any) -> dict[str, Any]:
    """A full report of now; a field given as `...` is left out."""
    report = {
        "report_id": str(uuid4()),
        "unit_id": unit_id,
        "source": "PLANNER",
        "age_seconds": 0,
        "total": 12,
        "open": 10,
        "occupied": 7,
        "reserved": 1,
        **fields,
    }
    if "observed_at" in fields:
        del report["age_seconds"]
        report["observed_at"] = fields["observed_at"].isoformat() if isinstance(fields["observed_at"], datetime) else fields["observed_at"]
    return {name: value for name, value in report.items() if value is not ...}


def held(unit_id: str, *hold_ids: UUID, full_since: datetime | None = None, changed_at: datetime | None = None) -> HoldsChangedV1:
    """What placement says when it holds these places of a unit."""
    changed_at = changed_at or NOW()
    places = [Held(hold_id=hold_id, status="OFFERED", since=changed_at, until=changed_at + timedelta(minutes=30)) for hold_id in hold_ids]
    return HoldsChangedV1(unit_id=UUID(unit_id), holds=tuple(places), full_since=full_since, changed_at=changed_at)


Follow = Callable[..., AbstractAsyncContextManager[Stream]]


@pytest.fixture
def api_process(running: Capacity, processes: Processes) -> Callable[[], Awaitable[str]]:
    """Starts an API process of its own and gives its address."""

    return lambda: started_api(processes, "capacity", running.settings)


@pytest.fixture
def follow(running: Capacity) -> Follow:
    """Follows the board at an address."""

    @asynccontextmanager
    async def open_stream(address: str, query: str = "", last_id: str | None = None) -> AsyncIterator[Stream]:
        headers = {"Authorization": f"Bearer {running.token()}"} | ({"Last-Event-ID": last_id} if last_id else {})
        url = f"{address}/capacity/v1/board/stream{query}"
        async with httpx.AsyncClient(timeout=20) as client, Stream.of(client, url, headers=headers) as stream:
            yield stream

    return open_stream


@pytest_asyncio.fixture(scope="session")
async def running(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Capacity]:
    """One service for all tests: starting it costs more than most of them."""
    keys = tmp_path_factory.mktemp("keys")
    async with Capacity.running("capacity", CapacitySettings, api, databases=databases, keys_dir=keys) as service:
        yield service


@pytest_asyncio.fixture
async def capacity(running: Capacity) -> Capacity:
    """The service with an empty database."""
    await running.empties()
    return running
