"""The story itself: one patient, from the call to the bed, step by step through the public API."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import dropwhile
from typing import Any
from uuid import uuid4

from contracts.capacity import UNITS
from contracts.codes import CallerRole, Channel, Choice, ClosureOutcome, Origin, Urgency
from contracts.placement import HOLDS, PLACEMENTS
from contracts.reporting import NATIONAL
from contracts.triage import CASES
from simulator.chain.calls import answers_for
from simulator.chain.persons import MARK, made_up
from simulator.chain.placement import accept, admit, candidates, make_offers, read_offer, send_transport
from simulator.chain.triage import CASES as CASES_ROUTE
from simulator.chain.triage import Case, read_protocol
from simulator.chance import seeded
from simulator.client import Api, Refused, Unreachable, checked
from simulator.registry import register
from simulator.story.places import CARE_TYPE, COHORT, FIGURE, HOMES, PATIENTS_MUNICIPALITY, SECTOR, VR, Home
from simulator.story.teller import Teller
from simulator.story.watch import Watch
from simulator.tokens import ADMIN, NoToken, Who

TOPICS = (CASES.name, PLACEMENTS.name, HOLDS.name, UNITS.name, NATIONAL.name)

TRIAGIST = Who("triagist", "verhaal-zcc")
COORDINATOR = Who("coordinator", region=VR)
PEOPLE = (ADMIN, TRIAGIST, COORDINATOR, *(Who("provider", home.location.organisation) for home in HOMES))

REPORTS = "/capacity/v1/reports"
NATIONAL_ROUTE = "/reporting/v1/national"
# A running system does each of these within a second; a machine that is busy may need more.
PASSES_WITHIN_SECONDS = 20.0
LOOK_AGAIN_SECONDS = 0.1
MOST_SHOWN = 5
FALL = "val"
SHOWN = 200
# What the story does to its figure, from beginning to end.
MOVED = {"occupied": 1, "free": -1, "held": 0, "available": -1}
SHOWN_OF_FIGURE = ("open", "occupied", "free", "held", "available")

Body = Mapping[str, Any]


class BrokenOff(Exception):  # noqa: N818 - it names what happened
    """The chain did not do what it should; the text says what, never about whom."""


class Story:
    """One telling."""

    def __init__(self, api: Api, watch: Watch, teller: Teller, *, roles_are_real: bool = True) -> None:
        """Take what is needed; with one ready token for everybody, nothing can be shown of who may see what."""
        self._api = api
        self._watch = watch
        self._teller = teller
        self._triagist = api.speaking_as(TRIAGIST)
        self._coordinator = api.speaking_as(COORDINATOR)
        self._roles_are_real = roles_are_real
        self._units: dict[str, Home] = {}

    async def tell(self) -> None:
        """From the call to the bed.

        Raises:
            BrokenOff: something that should have happened did not.
            Refused: the system would not.
            Unreachable: it does not answer.
        """
        await self._set_the_scene()
        began = time.monotonic()
        before = await self._figure()
        case = await self._call()
        try:
            await self._ask_for_a_place(case)
            offer = await self._offer(case, before)
            await self._accept(case, offer)
            await self._bring(offer)
        except BaseException:
            # However it ends, nobody is left waiting for a patient of a story.
            await asyncio.shield(_let_go(case))
            raise
        await self._count_in(case, offer, before)
        await self._tell_the_figure(before, began)

    async def _set_the_scene(self) -> None:
        self._teller.say("Setting the scene: three homes report how they stand …")
        ids = await register(self._api, [(home.location, home.location.units) for home in HOMES])
        self._units = {str(ids[home.unit.external_id]): home for home in HOMES}
        for unit_id, home in self._units.items():
            held = int((await self._api.get(f"/capacity/v1/units/{unit_id}")).json()["held"])
            occupied = max(0, home.unit.beds - home.free - held)
            await self._report(unit_id, home, occupied)
        # The stage: three homes that the picture knows, with what was just reported of them.
        expected = sum(home.free for home in HOMES)

        async def is_set() -> bool:
            figure = await self._figure()
            return bool(figure["units_known"] == len(HOMES) and figure["available"] == expected)

        await self._within(is_set, "what the story's homes have just reported")

    async def _call(self) -> Case:
        self._teller.step(
            "A daughter calls the zorgcoördinatiecentrum: her mother, tested positive, has fallen and cannot stay at home",
            "POST /triage/v1/cases",
        )
        person = made_up(seeded("story", uuid4()))
        contact = {
            "channel": Channel.TELEFOON,
            "caller_role": CallerRole.MANTELZORGER,
            "origin": Origin.THUIS,
            "municipality": PATIENTS_MUNICIPALITY,
            "complaint": f"{MARK}gevallen, kan niet meer lopen; positief getest",
            "patient": person.body(),
        }
        case = await Case.register(self._triagist, contact, str(uuid4()))
        self._watch.follow(CASES.name, case.case_id)
        self._watch.follow(PLACEMENTS.name, case.case_id)
        await self._passes("case-registered")
        self._teller.say(f"Who she is went into triage's vault. All others know her as case {case.case_id[:8]}…")
        return case

    async def _ask_for_a_place(self, case: Case) -> None:
        protocol = await read_protocol(self._triagist)
        # The sample pack knows falls; with another pack the story is about whatever comes first.
        falls = [complaint for complaint in protocol.complaints if complaint["id"] == FALL]
        filled_in = answers_for(Urgency.U3, 0.0, falls or protocol.complaints)
        complaint = next(complaint for complaint in protocol.complaints if complaint["id"] == filled_in.complaint)
        self._teller.step(f"The triagist goes through {protocol.name} {protocol.version}: {complaint['name']}", "PUT …/assessment")
        for criterion in complaint["criteria"]:
            if criterion["id"] in filled_in.answers:
                self._teller.say(f"{'yes' if filled_in.answers[criterion['id']] else 'no ':<4}{criterion['text']}")
        said = await case.assess(protocol, filled_in.complaint, filled_in.answers)
        await self._passes("case-assessed")
        self._teller.say(f"Urgency {said['urgency']}: {said['advice']}")

        self._teller.step(
            "What she wants is written down, to be seen before any hospital advice; it stays in triage", "PUT …/treatment-wishes"
        )
        now = datetime.now(UTC)
        wishes = {"hospital": Choice.NEE, "ic": Choice.NEE, "resuscitation": Choice.NEE, "ventilation": Choice.ONBEKEND}
        await case.wish(
            {name: {"choice": choice} for name, choice in wishes.items()}
            | {"recorded_by": f"{MARK}triagist", "recorded_at": now.isoformat()}
        )
        self._teller.say(", ".join(f"{name} {choice}" for name, choice in wishes.items()))

        self._teller.step(f"A place is asked for: {CARE_TYPE}, {COHORT}, in {VR}, within four hours", "POST …/placement-request")
        wanted = {
            "care_type": CARE_TYPE,
            "cohort": COHORT,
            "urgency": said["urgency"],
            "place_by": (now + timedelta(hours=4)).isoformat(),
            "region": VR,
            "needs": {"isolation": True, "oxygen_l_min": 2},
            "target_group": 1,
        }
        await case.ask_for_a_place(wanted, str(uuid4()))
        await self._passes("placement-requested")
        await self._passes("request-opened")

    async def _offer(self, case: Case, before: Body) -> Body:
        self._teller.step("The coordinator of the region looks who can take her", "GET /placement/v1/requests/…/candidates")
        unit_id = await self._choose(case)
        home = self._units[unit_id]
        self._watch.follow(HOLDS.name, unit_id)
        self._watch.follow(UNITS.name, unit_id)
        self._watch.follow(NATIONAL.name, FIGURE)

        self._teller.step(f"{home.location.name} is asked; from this moment its place is held", "POST …/offers")
        answer_by = datetime.now(UTC) + timedelta(minutes=15)
        (result,) = await make_offers(self._coordinator, case.case_id, [unit_id], answer_by, str(uuid4()))
        if result["offer_id"] is None:
            raise BrokenOff("the place was gone when it was offered")
        await self._passes("offer-made")
        await self._passes("holds-changed", lambda body: any(held["hold_id"] == result["offer_id"] for held in body["holds"]))
        after = await self._passes(
            "figure-changed", lambda body: body["held"] == before["held"] + 1 and body["available"] == before["available"] - 1
        )
        self._teller.say(
            f"The national picture of {VR}: held {before['held']} → {after['held']}, available {before['available']} → {after['available']}"
        )
        return await read_offer(self._provider(home), str(result["offer_id"]))

    async def _choose(self, case: Case) -> str:
        ranked = await candidates(self._coordinator, case.case_id)
        if not ranked["items"]:
            raise BrokenOff("there are no candidates, though two homes have just reported free places")
        rows = [
            (unit["place"], unit["location_name"], unit["available"], unit["nearness"], unit["score"], _parts(unit["parts"]))
            for unit in ranked["items"][:MOST_SHOWN]
        ]
        self._teller.table(("", "home", "available", "near", "score", "because"), rows)
        self._teller.say("left out: " + (", ".join(f"{count} {reason}" for reason, count in ranked["left_out"].items()) or "none"))
        for unit in ranked["items"]:
            if unit["unit_id"] in self._units:
                return str(unit["unit_id"])
        raise BrokenOff("the story's own homes are not among the candidates")

    async def _accept(self, case: Case, offer: Body) -> None:
        home = self._units[str(offer["unit_id"])]
        provider = self._provider(home)
        self._teller.step(
            f"{home.location.name} sees what she needs, but not who she is, and accepts", "POST /placement/v1/offers/…/acceptance"
        )
        if self._roles_are_real:
            status = await self._look_who(case, provider)
            if status == SHOWN:
                raise BrokenOff("the provider could see who the patient is before it accepted")
            self._teller.say(f"Asked who she is, before: {status}")
        checked(await accept(provider, dict(offer)))
        await self._passes("offer-accepted")
        await self._passes("holds-changed", lambda body: _status_of(body, offer) == "ACCEPTED")
        if self._roles_are_real:
            await self._within(lambda: self._is_shown(case, provider), "who the patient is to the provider that accepted")
            self._teller.say(f"Asked again, after: {SHOWN}; it is not repeated here, and that somebody looked is written down")

    async def _look_who(self, case: Case, provider: Api) -> int:
        return (await provider.look(f"{CASES_ROUTE}/{case.case_id}/patient")).status_code

    async def _is_shown(self, case: Case, provider: Api) -> bool:
        return await self._look_who(case, provider) == SHOWN

    async def _bring(self, offer: Body) -> None:
        home = self._units[str(offer["unit_id"])]
        provider = self._provider(home)
        self._teller.step("The ambulance leaves: from now on the hold never ends by itself", "POST /placement/v1/placements/…/transport")
        placement = await read_offer(provider, str(offer["offer_id"]))
        placement = await send_transport(provider, placement)
        await self._passes("transport-left")
        self._teller.step("She is admitted; the hold counts until the home's own figures contain her", "POST …/admission")
        await admit(provider, placement)
        await self._passes("patient-admitted")
        await self._passes("request-closed")

    async def _count_in(self, case: Case, offer: Body, before: Body) -> None:
        unit_id = str(offer["unit_id"])
        home = self._units[unit_id]
        self._teller.step("The home reports: one more patient, and names the hold that this is about", "POST /capacity/v1/reports")
        occupied = int((await self._api.get(f"/capacity/v1/units/{unit_id}")).json()["occupied"]) + 1
        await self._report(unit_id, home, occupied, includes=str(offer["offer_id"]))
        await self._passes("unit-changed", lambda body: offer["offer_id"] in body["includes_holds"])
        await self._passes("holds-changed", lambda body: _status_of(body, offer) is None)
        await self._passes("figure-changed", lambda body: body["occupied"] == before["occupied"] + 1 and body["held"] == before["held"])
        self._teller.step("Triage closes the case", "POST /triage/v1/cases/…/closure")
        await case.close(ClosureOutcome.GEPLAATST)
        await self._passes("case-closed")

    async def _tell_the_figure(self, before: Body, began: float) -> None:
        self._teller.step(f"{FIGURE}, before and after", "GET /reporting/v1/national")

        async def has_moved() -> bool:
            after = await self._figure()
            return {name: after[name] - before[name] for name in MOVED} == MOVED

        await self._within(has_moved, "one patient more and one place less")
        after = await self._figure()
        self._teller.table(
            ("", *SHOWN_OF_FIGURE),
            [(when, *(figure[name] for name in SHOWN_OF_FIGURE)) for when, figure in (("before", before), ("after", after))],
        )
        # At worst the place counts as taken twice, by the hold and by the report; never as free.
        since_held = dropwhile(lambda figure: figure["held"] == before["held"], self._watch.seen("figure-changed"))
        if any(figure["available"] > after["available"] for figure in since_held):
            raise BrokenOff("for a moment her bed was free to another")
        self._teller.say(
            f"Told in {time.monotonic() - began:.1f} s. Nobody typed a figure twice, and at no moment was her bed free to another."
        )

    async def _report(self, unit_id: str, home: Home, occupied: int, includes: str | None = None) -> None:
        beds = home.unit.beds
        report: dict[str, Any] = {
            "report_id": str(uuid4()),
            "unit_id": unit_id,
            "source": home.location.source,
            "observed_at": datetime.now(UTC).isoformat(),
            "total": beds,
            "open": beds,
            "occupied": occupied,
            "reserved": 0,
        }
        if includes is not None:
            report["includes_holds"] = [includes]
        checked(await self._provider(home).post(REPORTS, report))

    def _provider(self, home: Home) -> Api:
        return self._api.speaking_as(Who("provider", home.location.organisation))

    async def _passes(self, fact: str, is_wanted: Callable[[Body], bool] = lambda _: True) -> Body:
        try:
            return (await self._watch.passes(fact, PASSES_WITHIN_SECONDS, is_wanted=is_wanted)).body
        except TimeoutError:
            raise BrokenOff(f"{fact} did not pass within {PASSES_WITHIN_SECONDS:g} s") from None

    async def _figure(self) -> Body:
        query = {"level": "VR", "region": VR, "sector": SECTOR.value, "care_type": CARE_TYPE.value, "cohort": COHORT.value}
        items: list[Body] = (await self._api.get(NATIONAL_ROUTE, query)).json()["items"]
        return items[0] if items else {"units_known": 0, "available": None}

    async def _within(self, is_so: Callable[[], Awaitable[bool]], what: str) -> None:
        began = time.monotonic()
        while not await is_so():
            if time.monotonic() - began > PASSES_WITHIN_SECONDS:
                raise BrokenOff(f"the system does not show {what} within {PASSES_WITHIN_SECONDS:g} s")
            await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def _let_go(case: Case) -> None:
    """Close the case of a story that broke off, if it can be."""
    try:
        await case.look()
        await case.close(ClosureOutcome.INGETROKKEN)
    except (Refused, Unreachable, NoToken):
        # The hold ends by itself at its deadline; why the story broke off is what the reader must be told.
        return


def _status_of(holds: Body, offer: Body) -> str | None:
    return next((str(held["status"]) for held in holds["holds"] if held["hold_id"] == offer["offer_id"]), None)


def _parts(parts: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {points:g}" for name, points in parts.items())
