"""Placement as its users and its neighbours meet it: the real API, use cases and timers on a real database.

What comes from Kafka is handed to the same functions that the worker calls; the relay and Kafka are left to those tests that need them.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
import pytest_asyncio

from chassis.errors import Rejected
from chassis.http.etag import etag
from chassis.security.auth import Caller
from chassis.security.roles import Role
from chassis.testing.databases import Databases
from chassis.testing.in_process import InProcess
from chassis.worker.timers import TimerLoop
from contracts.capacity import UnitChangedV1
from contracts.codes import CareType, ClosureOutcome, Cohort, Sector, Urgency
from contracts.event import FIRST_VERSION
from contracts.geography import place_of_vr
from contracts.triage import CaseClosedV1, CaseHandedOverV1, PlacementRequestedV1
from placement.adapters.sql.books import SqlBooks
from placement.adapters.sql.offers import OFFER_COLUMNS, offer_of
from placement.adapters.sql.requests import REQUEST_COLUMNS, request_of
from placement.adapters.sql.units import UNIT_COLUMNS, unit_of
from placement.adapters.sql.work import SqlWork
from placement.application.accept_offer import accept_offer
from placement.application.admit import admit
from placement.application.audit import Audit
from placement.application.cancel_request import cancel_request
from placement.application.confirm_room import confirm_room
from placement.application.decline_offer import decline_offer
from placement.application.make_offers import OfferResult, make_offers
from placement.application.open_requests import open_requests
from placement.application.project_units import Told, project_units
from placement.application.release import release
from placement.application.start_transport import start_transport
from placement.application.withdraw_for_case import withdraw_for_case
from placement.bootstrap import api
from placement.config import PlacementSettings
from placement.domain.offer import Offer
from placement.domain.request import Request
from placement.domain.unit import Unit
from placement.entrypoints.timers import timers

ZORGGROEP = "zorggroep-oost"
VR = "VR04"
ROAZ = "ZW"

COORDINATOR = Caller("coordinator-1", Role.COORDINATOR, region=VR)
PROVIDER = Caller("provider-1", Role.PROVIDER, org=ZORGGROEP)
ADMIN = Caller("admin-1", Role.ADMIN)

MOST_ROUNDS = 50


@dataclass
class Placement(InProcess[PlacementSettings]):
    """A running placement service, the people who use it, and the services that it listens to."""

    tokens: dict[tuple[Role, str | None, str | None, int], str] = field(default_factory=dict)
    versions: dict[UUID, int] = field(default_factory=dict)
    last_told: dict[UUID, UnitChangedV1] = field(default_factory=dict)

    # What is asked over HTTP.

    def token(self, role: Role = Role.COORDINATOR, org: str | None = None, region: str | None = VR, ttl: int = 3600) -> str:
        key = (role, org, region, ttl)
        if key not in self.tokens:
            self.tokens[key] = self.issuer.token(role, org=org, region=region, ttl=timedelta(seconds=ttl))
        return self.tokens[key]

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: Role = Role.COORDINATOR,
        org: str | None = None,
        region: str | None = VR,
        seen: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        content = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        sent = {
            "Authorization": f"Bearer {self.token(role, org, region)}",
            **({"Content-Type": "application/json"} if content else {}),
            **({"If-Match": etag(seen)} if seen is not None else {}),
            **(headers or {}),
        }
        return await self.client.request(method, f"/placement/v1/{path}", content=content, headers=sent)

    async def post(self, path: str, body: Any = None, **how: Any) -> httpx.Response:
        return await self.send("POST", path, body, **how)

    async def get(self, path: str, **how: Any) -> httpx.Response:
        return await self.send("GET", path, **how)

    async def offer(self, case_id: UUID, *unit_ids: UUID, **how: Any) -> dict[str, Any]:
        """The first result of offering these units, as the coordinator gets it."""
        answer = await self.post(f"requests/{case_id}/offers", {"unit_ids": [str(unit_id) for unit_id in unit_ids]}, **how)
        assert answer.status_code == 201, answer.text
        result: dict[str, Any] = answer.json()["results"][0]
        return result

    # What the other services tell.

    async def told(self, events: Sequence[UnitChangedV1]) -> None:
        """Capacity tells the state of units, each one version on."""
        told = []
        for event in events:
            self.versions[event.unit_id] = self.versions.get(event.unit_id, FIRST_VERSION - 1) + 1
            self.last_told[event.unit_id] = event
            told.append(Told(event, self.versions[event.unit_id]))
        async with self.work() as work:
            await project_units(work, told)

    async def unit(self, free: int | None = 1, **fields: Any) -> UUID:
        """A new unit with so many free places."""
        event = await self.a_unit(free=free, **fields)
        await self.told([event])
        return event.unit_id

    async def reports(self, unit_id: UUID, **fields: Any) -> None:
        """Capacity tells the unit anew: observed now, unless said otherwise, by a report that states `occupied`."""
        now = await self.now()
        seen = {"observed_at": now, "occupied_reported_at": now, "fresh_until": now + timedelta(hours=12), **fields}
        await self.told([self.last_told[unit_id].model_copy(update=seen)])

    async def a_unit(self, *, free: int | None = 1, vr: str = VR, **fields: Any) -> UnitChangedV1:
        now = await self.now()
        is_known = free is not None
        return UnitChangedV1(
            **{
                "unit_id": uuid4(),
                "location_id": uuid4(),
                "location_name": "De Linde",
                "name": "Eik",
                "organisation": ZORGGROEP,
                "sector": Sector.VVT,
                "care_type": CareType.ELV_HOOG,
                "cohort": Cohort.GEEN,
                "municipality": None,
                "vr": vr,
                "roaz": place_of_vr(vr).roaz,
                "latitude": None,
                "longitude": None,
                "phone": "038-1234567",
                "features": {},
                "total": 10,
                "open": 10 if is_known else None,
                "occupied": 10 - free if free is not None else None,
                "reserved": 0,
                "free": free,
                "closed_reason": None,
                "source": "PLANNER",
                "observed_at": now,
                "fresh_until": now + timedelta(hours=12) if is_known else None,
                "age_limit_seconds": 43_200,
                "conflict": False,
                "warnings": (),
                "recorded_at": now,
                "occupied_reported_at": now if is_known else None,
                "includes_holds": (),
                **fields,
            }
        )

    async def request(self, **fields: Any) -> UUID:
        """Triage asks a place for a new case."""
        event = await self.a_request(**fields)
        await self.asked(event)
        return event.case_id

    async def asked(self, *events: PlacementRequestedV1) -> None:
        async with self.work() as work:
            await open_requests(work, events)

    async def a_request(self, *, region: str = VR, **fields: Any) -> PlacementRequestedV1:
        now = await self.now()
        return PlacementRequestedV1(
            **{
                "case_id": uuid4(),
                "round": 1,
                "urgency": Urgency.U3,
                "is_assessed": True,
                "care_type": CareType.ELV_HOOG,
                "cohort": Cohort.GEEN,
                "place_by": now + timedelta(hours=6),
                "region": region,
                "roaz": place_of_vr(region).roaz,
                "municipality": None,
                "origin": None,
                "organisation": None,
                "needs": {},
                "target_group": None,
                "requested_at": now,
                **fields,
            }
        )

    async def closed(self, *case_ids: UUID, outcome: ClosureOutcome = ClosureOutcome.INGETROKKEN) -> None:
        at = await self.now()
        async with self.work() as work:
            await withdraw_for_case(work, [CaseClosedV1(case_id=case_id, outcome=outcome, closed_at=at) for case_id in case_ids])

    async def handed_over(self, *case_ids: UUID) -> None:
        at = await self.now()
        async with self.work() as work:
            await withdraw_for_case(work, [CaseHandedOverV1(case_id=one, urgency=Urgency.U1, handed_over_at=at) for one in case_ids])

    # What people do, through the use cases.

    async def make_offers(
        self, case_id: UUID, *unit_ids: UUID, answer_by: datetime | None = None, who: Caller = COORDINATOR
    ) -> Sequence[OfferResult]:
        async with self.work() as work:
            return await make_offers(work, case_id, unit_ids, answer_by, who)

    async def offered(self, case_id: UUID, unit_id: UUID, **how: Any) -> Offer:
        (result,) = await self.make_offers(case_id, unit_id, **how)
        assert isinstance(result, Offer), result
        return result

    async def accept(self, offer: Offer, *, token: str | None = None, seen: str | None = None, who: Caller = PROVIDER) -> Offer:
        async with self.work() as work:
            return await accept_offer(work, offer.offer_id, token or offer.token, seen or etag(offer.version), who)

    async def decline(
        self, offer: Offer, reason: str = "GEEN_PERSONEEL", *, token: str | None = None, who: Caller = PROVIDER
    ) -> Offer | Rejected:
        async with self.work() as work:
            return await decline_offer(work, offer.offer_id, token or offer.token, reason, seen=etag(offer.version), who=who)

    async def confirm(
        self, placement: Offer, *, has_room: bool, token: str | None = None, seen: str | None = None, who: Caller = PROVIDER
    ) -> Offer:
        token, seen = token or placement.token, seen or etag(placement.version)
        async with self.work() as work:
            return await confirm_room(work, placement.offer_id, token, has_room=has_room, seen=seen, who=who)

    async def leave(self, placement: Offer, left_at: datetime | None = None, who: Caller = PROVIDER) -> Offer:
        async with self.work() as work:
            return await start_transport(work, placement.offer_id, left_at, etag(placement.version), who)

    async def admit(
        self, placement: Offer, unit_id: UUID | None = None, admitted_at: datetime | None = None, who: Caller = PROVIDER
    ) -> Offer:
        async with self.work() as work:
            return await admit(work, placement.offer_id, unit_id, admitted_at, seen=etag(placement.version), who=who)

    async def release(self, placement: Offer, reason: str = "RELEASED", who: Caller = PROVIDER) -> Offer:
        async with self.work() as work:
            return await release(work, placement.offer_id, reason, etag(placement.version), who)

    async def cancel(self, case_id: UUID, reason: str = "CANCELLED", who: Caller = COORDINATOR) -> Request:
        seen = etag((await self.request_now(case_id)).version)
        async with self.work() as work:
            return await cancel_request(work, case_id, reason, seen, who)

    # What stands in the database, and what was told.

    @asynccontextmanager
    async def work(self) -> AsyncIterator[SqlWork]:
        """One transaction."""
        async with self.database.begin() as tx:
            yield SqlWork(tx, self.settings.policy)

    async def request_now(self, case_id: UUID) -> Request:
        (row,) = await self.rows(f"select {REQUEST_COLUMNS} from requests r where case_id = $1", case_id)
        return request_of(row)

    async def offer_now(self, offer_id: UUID) -> Offer:
        (row,) = await self.rows(f"select {OFFER_COLUMNS} from offers r where offer_id = $1", offer_id)
        return offer_of(row)

    async def offers_of(self, case_id: UUID) -> list[Offer]:
        """All of a request, oldest first."""
        rows = await self.rows(f"select {OFFER_COLUMNS} from offers r where case_id = $1 order by made_at, offer_id", case_id)
        return [offer_of(row) for row in rows]

    async def unit_now(self, unit_id: UUID) -> Unit:
        (row,) = await self.rows(f"select {UNIT_COLUMNS} from units u where unit_id = $1", unit_id)
        return unit_of(row)

    async def published(self, topic: str, key: UUID | None = None) -> list[dict[str, Any]]:
        """What is in the outbox for this topic, in its order; each with its type as `_type`."""
        rows = await self.rows(
            "select type, payload, version from outbox where aggregatetype = $1 and ($2::text is null or aggregateid = $2) order by id",
            topic,
            str(key) if key is not None else None,
        )
        return [{**orjson.loads(row["payload"]), "_version": row["version"], "_type": row["type"].split(".")[-2]} for row in rows]

    async def facts(self, case_id: UUID) -> list[str]:
        """What was told of a case, as the names of the facts."""
        return [event["_type"] for event in await self.published("placement.placements.v1", case_id)]

    async def held_by_all_accounts(self, unit_id: UUID) -> int:
        """The places held of a unit, on which counter, rows and the last event must agree."""
        counter = (await self.unit_now(unit_id)).held
        (row,) = await self.rows(
            "select count(*) as held from offers where unit_id = $1 and status in ('OFFERED', 'ACCEPTED', 'UNDERWAY', 'ADMITTED')", unit_id
        )
        told = await self.published("placement.holds.v1", unit_id)
        assert counter == row["held"] == (len(told[-1]["holds"]) if told else 0)
        return counter

    async def is_sound(self) -> bool:
        """Whether the audit finds nothing."""
        return (await Audit(SqlBooks(self.database))()).is_sound

    async def forgets_everything(self) -> None:
        """An empty database, at the clock's own time."""
        await self.empties()
        self.versions.clear()
        self.last_told.clear()

    async def now(self) -> datetime:
        """The database's clock."""
        (row,) = await self.rows("select db_clock() as now")
        now: datetime = row["now"]
        return now.astimezone(UTC)

    async def timers_go_off(self) -> None:
        """What the worker does four times a second, until nothing is due."""
        loop = TimerLoop(self.database, "placement", timers(self.settings.policy))
        for _ in range(MOST_ROUNDS):
            await loop.fire_due()
            if not await self.rows("select from timers where due_at <= db_clock()"):
                return
        raise AssertionError("timers set each other for ever")


@pytest_asyncio.fixture(scope="session")
async def running(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Placement]:
    """One service for all tests: starting it costs more than most of them."""
    keys = tmp_path_factory.mktemp("keys")
    async with Placement.running(
        "placement", PlacementSettings, api, databases=databases, keys_dir=keys, connections=10, WEBHOOK_ALLOW_HTTP="true"
    ) as service:
        yield service


@pytest_asyncio.fixture
async def placement(running: Placement) -> Placement:
    """The service with an empty database."""
    await running.forgets_everything()
    return running
