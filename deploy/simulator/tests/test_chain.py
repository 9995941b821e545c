"""What callers, coordinators and providers do, against a small system that answers by the words of the public API."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import httpx
import pytest

from contracts.codes import CareType, Cohort, Sector, Source, Urgency
from simulator.chain.agenda import Agenda
from simulator.chain.calling import Calling
from simulator.chain.calls import Callers
from simulator.chain.coordinating import PATIENCE, Coordinating
from simulator.chain.coordinators import look
from simulator.chain.guests import Guests
from simulator.chain.persons import MARK
from simulator.chain.providers import Manner, Reply, manner
from simulator.chain.providing import Providing
from simulator.chain.tidying import Tidying
from simulator.client import Api
from simulator.day import Day
from simulator.tokens import Tokens, Who
from simulator.world import Location, Unit, World

Body = dict[str, Any]
Condition = Callable[[], bool]

SEED = 7

UNIT = Unit("VVT-01-001/ELV_LAAG/GEEN", "ELV laag", CareType.ELV_LAAG, Cohort.GEEN, 10, 0.0)
HOME = Location("VVT-01-001", "Huize De Wilgenhof", "zorggroep-wilgenhof", Sector.VVT, "VR01", "GM0014", Source.ECD, (UNIT,))
WORLD = World(seed=SEED, hospitals=(), nursing_homes=(HOME,))
UNIT_ID, CASE_ID = UUID(int=1), UUID(int=2)

PACK = {
    "name": "voorbeeld",
    "version": "1",
    "complaints": [
        {
            "id": "val",
            "criteria": [{"id": urgency.lower(), "text": "?", "urgency": urgency} for urgency in ("U0", "U1", "U2", "U3", "U4")],
        }
    ],
}


class ManyTokens(Tokens):
    """A token for everybody, which says who it is."""

    def __init__(self) -> None:
        pass

    async def get(self, who: Who = Who("admin")) -> str:  # noqa: B008 - it is frozen
        return f"{who.role}/{who.organisation or who.region or ''}"


def long_ago() -> str:
    """So that whatever is to be done some seconds later is to be done now.

    Not made when the tests are collected: in a long run it would come to lie before the patient's whole stay.
    """
    return (datetime.now(UTC) - timedelta(minutes=5)).isoformat()


class SmallSystem:
    """One case, one request and one offer, with the states that placement gives them."""

    def __init__(self, *, offer: Body | None = None, request: Body | None = None) -> None:
        self.offer = offer
        self.request = request
        self.calls: list[tuple[str, str, Body]] = []
        """Who did what: the token, the path's last word, and what was sent."""
        self.case: Body = {"version": 1, "organisation": "simulatie-zcc-nn", "closed_at": None}
        self._changed = asyncio.Event()

    def done(self, step: str) -> list[tuple[str, Body]]:
        return [(who, body) for who, did, body in self.calls if did == step]

    async def handle(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/stream"):
            about = "offer" if "/offers/" in path else "request"
            return httpx.Response(200, content=self._stream(about))
        body: Body = json.loads(request.content) if request.content else {}
        step = path.rpartition("/")[2] if request.method != "GET" else f"GET {path.rpartition('/')[2]}"
        self.calls.append((request.headers["authorization"].removeprefix("Bearer "), step, body))
        return self._answer(step, body, request)

    def _answer(self, step: str, body: Body, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/triage/v1/protocols"):
            return httpx.Response(200, json={"items": [PACK]} if step == "GET protocols" else PACK)
        if request.url.path.startswith("/triage/v1/cases"):
            return self._triage(step, body, request)
        if step == "GET candidates":
            return httpx.Response(200, json={"items": [{"unit_id": str(UNIT_ID)}, {"unit_id": str(UUID(int=9))}], "left_out": {}})
        if step == "offers":
            return httpx.Response(201, json={"results": [{"unit_id": unit, "offer_id": str(uuid4())} for unit in body["unit_ids"]]})
        if step == "reports":
            return httpx.Response(202, json={})
        return self._placement(step, body, request)

    def _triage(self, step: str, body: Body, request: httpx.Request) -> httpx.Response:
        if step == "GET cases":
            items = [{**self.case, "case_id": str(CASE_ID)}] if request.url.params["status"] == "NIEUW" else []
            return httpx.Response(200, json={"items": items})
        if step in {"assessment", "treatment-wishes", "placement-request", "closure"}:
            if request.headers["if-match"] != f'"{self.case["version"]}"':
                return httpx.Response(412, json={"title": "Changed meanwhile"})
            self.case["version"] += 1
        if step == "closure":
            self.case["closed_at"] = long_ago()
        urgency = next((criterion.upper() for criterion, is_so in body.get("answers", {}).items() if is_so), "U4")
        said = {**self.case, "case_id": str(CASE_ID), "urgency": urgency}
        return httpx.Response(201 if step == "cases" else 200, json=said, headers={"etag": f'"{self.case["version"]}"'})

    def _placement(self, step: str, body: Body, request: httpx.Request) -> httpx.Response:
        assert self.offer is not None
        if step.startswith("GET"):
            return httpx.Response(200, json=self.offer)
        if request.headers["if-match"] != f'"{self.offer["version"]}"':
            return httpx.Response(412, json={"title": "Changed meanwhile"})
        if step == "decline" and body["reason"] == "NIET_EIGEN_CLIENT":
            self.change(version=self.offer["version"] + 1)
            return httpx.Response(422, json={"title": "Not a reason"})
        after = {
            "acceptance": "ACCEPTED",
            "decline": "DECLINED",
            "transport": "UNDERWAY",
            "admission": "ADMITTED",
            "release": "RELEASED",
        }[step]
        self.change(status=after, version=self.offer["version"] + 1)
        return httpx.Response(200, json=self.offer)

    def change(self, **fields: Any) -> None:
        assert self.offer is not None
        self.offer |= fields
        self._changed.set()

    async def _stream(self, about: str) -> AsyncIterator[bytes]:
        yield b": hello\n\n"
        while True:
            item = getattr(self, about)
            if item is not None:
                yield f"id: 1\ndata: {json.dumps(item)}\n\n".encode()
            await self._changed.wait()
            self._changed.clear()


def an_offer(offer_id: str, **fields: Any) -> Body:
    moments = dict.fromkeys(("made_at", "accepted_at", "left_at", "admitted_at"), long_ago())
    return {
        "offer_id": offer_id,
        "id": offer_id,
        "case_id": str(CASE_ID),
        "unit_id": str(UNIT_ID),
        "status": "OFFERED",
        "token": "the-token",
        "version": 3,
        "roaz": "NN",
        **moments,
        **fields,
    }


def a_request(case_id: str, **fields: Any) -> Body:
    return {
        "id": case_id,
        "case_id": case_id,
        "status": "OPEN",
        "organisation": "simulatie-zcc-nn",
        "urgency": "U3",
        "region": "VR01",
        "roaz": "NN",
        "asked": 0,
        "open_offers": 0,
        "opened_at": datetime.now(UTC).isoformat(),
        "place_by": (datetime.now(UTC) + timedelta(hours=4)).isoformat(),
        **fields,
    }


def an_id(is_wanted: Callable[[Manner], bool]) -> str:
    """An offer with which the provider deals in this manner."""
    ids: Iterator[str] = (str(uuid5(CASE_ID, str(number))) for number in range(10_000))
    return next(offer_id for offer_id in ids if is_wanted(manner(SEED, offer_id)))


def accepts(how: Manner) -> bool:
    return how.reply is Reply.ACCEPT and how.gives_up is None and how.is_named_in_report


async def acted(system: SmallSystem, acts: Callable[[Api, Agenda], Sequence[Any]], until: Condition, *, within: float = 20) -> Agenda:
    """Let people act until something is so."""
    async with httpx.AsyncClient(base_url="http://system", transport=httpx.MockTransport(system.handle)) as client:
        api = Api(client, ManyTokens(), patience_seconds=5)

        async def look_on() -> None:
            while not until():
                await asyncio.sleep(0.005)
            raise Enough

        agendas: list[Agenda] = []
        try:
            async with asyncio.timeout(within), asyncio.TaskGroup() as tasks:
                agendas.append(Agenda(tasks))
                for running in acts(api, agendas[0]):
                    tasks.create_task(running)
                tasks.create_task(look_on())
        except* Enough:
            pass
        return agendas[0]


class Enough(Exception):  # noqa: N818 - it names what happened
    """What was waited for has happened."""


def providers(guests: Guests, day: Day) -> Callable[[Api, Agenda], Sequence[Any]]:
    return lambda api, agenda: [Providing(api, agenda, world=WORLD, ids={UNIT.external_id: UNIT_ID}, day=day, guests=guests).run()]


@pytest.fixture
def guests() -> Guests:
    return Guests()


@pytest.fixture
def day(guests: Guests) -> Day:
    return Day(WORLD, 1.0, datetime.now(UTC), guests)


def without_guests(at: datetime) -> Mapping[str, Any]:
    """The ward at that moment as the day alone has it, which goes up and down by itself."""
    return Day(WORLD, 1.0, at, Guests()).report_now(HOME, UNIT, at, [])


def with_one_more(at: datetime) -> int:
    ward = without_guests(at)
    return min(int(ward["occupied"]) + 1, int(ward["open"]) - int(ward["reserved"]))


async def test_a_provider_accepts_fetches_admits_and_reports_the_patient_with_its_hold(guests: Guests, day: Day) -> None:
    offer_id = an_id(accepts)
    system = SmallSystem(offer=an_offer(offer_id))

    await acted(system, providers(guests, day), lambda: bool(system.done("reports")))

    steps = [step for _, step, _ in system.calls if not step.startswith("GET")]
    assert steps == ["acceptance", "transport", "admission", "reports"]
    assert system.done("acceptance")[0][1] == {"token": "the-token"}
    ((who, report),) = system.done("reports")
    assert who == "provider/zorggroep-wilgenhof"
    assert report["includes_holds"] == [offer_id]
    assert report["unit_id"] == str(UNIT_ID)
    assert report["occupied"] == with_one_more(datetime.fromisoformat(report["observed_at"]))


async def test_the_next_reading_of_the_ward_still_counts_the_patient_until_they_leave(guests: Guests, day: Day) -> None:
    now = datetime.now(UTC)
    guests.admit(UNIT.external_id, now, timedelta(minutes=10))

    during, after = now + timedelta(minutes=4), now + timedelta(minutes=11)

    assert day.report_now(HOME, UNIT, during, [])["occupied"] == with_one_more(during)
    assert day.report_now(HOME, UNIT, after, []) == without_guests(after)


async def test_a_full_ward_with_guests_never_reports_more_patients_than_beds(guests: Guests, day: Day) -> None:
    now = datetime.now(UTC)
    for _ in range(2 * UNIT.beds):
        guests.admit(UNIT.external_id, now, timedelta(minutes=10))

    report = day.report_now(HOME, UNIT, now, [])

    assert int(str(report["occupied"])) + int(str(report["reserved"])) == report["open"]


async def test_triage_closes_the_case_of_a_simulated_caller_once_the_patient_is_counted(guests: Guests, day: Day) -> None:
    system = SmallSystem(offer=an_offer(an_id(accepts), status="ADMITTED"))

    await acted(system, providers(guests, day), lambda: bool(system.done("closure")))

    assert system.done("closure") == [("triagist/simulatie-zcc-nn", {"outcome": "GEPLAATST"})]


async def test_a_case_of_somebody_who_tries_the_system_is_theirs_to_close(guests: Guests, day: Day) -> None:
    system = SmallSystem(offer=an_offer(an_id(accepts), status="ADMITTED"))
    system.case["organisation"] = None

    await acted(system, providers(guests, day), lambda: bool(system.done(f"GET {CASE_ID}")))

    assert not system.done("closure")


async def test_not_our_own_client_is_no_reason_so_the_provider_takes_the_patient_after_all(guests: Guests, day: Day) -> None:
    offer_id = an_id(lambda how: how.reply is Reply.DECLINE and how.reason == "NIET_EIGEN_CLIENT" and how.gives_up is None)
    system = SmallSystem(offer=an_offer(offer_id))

    agenda = await acted(system, providers(guests, day), lambda: bool(system.done("transport")))

    assert system.done("decline")[0][1] == {"token": "the-token", "reason": "NIET_EIGEN_CLIENT"}
    assert system.done("acceptance")
    assert agenda.done["refusals reported"] == 1


async def test_a_provider_that_declines_says_why_and_does_nothing_more(guests: Guests, day: Day) -> None:
    system = SmallSystem(offer=an_offer(an_id(lambda how: how.reply is Reply.DECLINE and how.reason == "VOL")))

    await acted(system, providers(guests, day), lambda: bool(system.done("decline")))

    assert system.done("decline")[0][1]["reason"] == "VOL"
    assert not system.done("acceptance")


async def test_a_provider_that_never_answers_leaves_the_offer_to_its_deadline(guests: Guests, day: Day) -> None:
    system = SmallSystem(offer=an_offer(an_id(lambda how: how.reply is Reply.SILENCE)))
    agendas: list[Agenda] = []

    def acts(api: Api, agenda: Agenda) -> Sequence[Any]:
        agendas.append(agenda)
        return providers(guests, day)(api, agenda)

    await acted(system, acts, lambda: bool(agendas and agendas[0].done["never answered"]))

    assert agendas[0].open == 0
    assert not system.calls


async def test_an_offer_at_a_unit_that_is_not_simulated_is_for_its_own_people_to_answer(guests: Guests, day: Day) -> None:
    ours = an_offer(an_id(accepts))
    system = SmallSystem(offer=an_offer(an_id(accepts), unit_id=str(UUID(int=77))))

    async def then_ours() -> None:
        await asyncio.sleep(0.05)
        assert not system.calls
        system.change(**ours)

    await acted(system, lambda api, agenda: [*providers(guests, day)(api, agenda), then_ours()], lambda: bool(system.done("acceptance")))


async def test_a_coordinator_asks_the_best_candidate_with_the_token_of_its_own_region() -> None:
    case_id = a_case(lambda how: how.ask_at_once == 1)
    system = SmallSystem(request=a_request(case_id))

    await acted(system, lambda api, agenda: [Coordinating(api, SEED, agenda).run()], lambda: bool(system.done("offers")))

    ((who, body),) = system.done("offers")
    assert who == "coordinator/VR01"
    assert body["unit_ids"] == [str(UNIT_ID)]
    assert datetime.fromisoformat(body["answer_by"]) < datetime.now(UTC) + timedelta(minutes=3)


async def test_two_who_are_asked_at_once_are_the_two_best() -> None:
    system = SmallSystem(request=a_request(a_case(lambda how: how.ask_at_once == 2)))

    await acted(system, lambda api, agenda: [Coordinating(api, SEED, agenda).run()], lambda: bool(system.done("offers")))

    assert system.done("offers")[0][1]["unit_ids"] == [str(UNIT_ID), str(UUID(int=9))]


async def test_who_finds_no_place_in_time_has_found_another_way() -> None:
    long_ago = (datetime.now(UTC) - PATIENCE - timedelta(seconds=1)).isoformat()
    system = SmallSystem(request=a_request(str(CASE_ID), opened_at=long_ago, open_offers=1))

    def acts(api: Api, agenda: Agenda) -> Sequence[Any]:
        coordinating = Coordinating(api, SEED, agenda, look_again_seconds=0.01)
        return [coordinating.run(), coordinating.run_patience()]

    await acted(system, acts, lambda: bool(system.done("closure")))

    assert system.done("closure") == [("triagist/simulatie-zcc-nn", {"outcome": "INGETROKKEN"})]


@pytest.mark.parametrize(
    ("organisation", "minutes", "closed"), [("simulatie-zcc-nn", 20, True), ("simulatie-zcc-nn", 5, False), (None, 20, False)]
)
async def test_a_call_that_was_cut_off_is_closed_after_a_while_unless_it_is_somebody_elses(
    organisation: str | None, minutes: int, *, closed: bool
) -> None:
    system = SmallSystem()
    registered_at = (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()
    system.case |= {"organisation": organisation, "registered_at": registered_at, "roaz": "NN"}

    def looked_everywhere() -> bool:
        return len(system.done("GET cases")) == 3

    await acted(
        system,
        lambda api, agenda: [Tidying(api, agenda).run()],
        lambda: looked_everywhere() and bool(system.done("closure")) == closed,
    )

    assert [body for _, body in system.done("closure")] == ([{"outcome": "INGETROKKEN"}] if closed else [])


async def test_a_stream_that_breaks_is_taken_up_where_it_broke() -> None:
    asked: list[str | None] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("last-event-id"))
        number = len(asked)
        return httpx.Response(200, content=f': alive\n\nevent: tick\ndata: {{}}\n\nid: at-{number}\ndata: {{"number": {number}}}\n\n')

    seen = []
    async with httpx.AsyncClient(base_url="http://system", transport=httpx.MockTransport(handle)) as client:
        async for event in Api(client, ManyTokens(), patience_seconds=5).live("/stream"):
            seen.append((event.name, event.data))
            if len(asked) == 2 and event.name == "message":
                break

    assert seen == [("tick", {}), ("message", {"number": 1}), ("tick", {}), ("message", {"number": 2})]
    assert asked == [None, "at-1"]


async def test_callers_register_assess_and_ask_each_step_as_themselves_and_nothing_of_it_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    system = SmallSystem()

    def acts(api: Api, agenda: Agenda) -> Sequence[Any]:
        return [Calling(api, Callers(SEED, 40.0), agenda).run()]

    await acted(system, acts, lambda: bool(system.done("cases")) and bool(system.done("assessment")), within=30)

    assert all(body["patient"]["name"].startswith(MARK) for _, body in system.done("cases"))
    assert {who.partition("/")[0] for who, _ in system.done("cases")} <= {"triagist", "referrer", "hospital"}
    assert all(who.startswith("triagist/") for who, _ in system.done("assessment"))
    assert MARK not in capsys.readouterr().out


def a_case(is_wanted: Callable[[Any], bool]) -> str:
    """A case that is taken up soon, in this way."""
    ids: Iterator[str] = (str(uuid5(CASE_ID, str(number))) for number in range(10_000))
    return next(
        case_id
        for case_id in ids
        if is_wanted(how := look(SEED, case_id, 0, Urgency.U3)) and not how.is_left_alone and how.after_seconds < 1.7
    )
