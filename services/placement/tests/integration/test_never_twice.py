"""Whatever people, clocks, reports and crashes do, in whatever order: no place is given twice, and nothing is held for ever or in secret."""

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import ClassVar
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from chassis.database.sql import Transaction
from chassis.errors import Rejected
from chassis.security.auth import Caller
from chassis.security.roles import Role
from chassis.testing.waiting import eventually
from contracts.codes import ClosureOutcome, Urgency
from contracts.event import FIRST_VERSION
from contracts.placement import HoldsChangedV1
from placement.adapters.sql.books import SqlBooks
from placement.adapters.sql.work import SqlWork
from placement.application.audit import Findings
from placement.application.make_offers import make_offers
from placement.application.project_units import Told, project_units
from placement.domain.offer import Offer
from placement.domain.request import MOST_MOVES
from placement.domain.states import BEGINS, HOLDING, PLACEMENTS_NOW, SEEKING, OfferStatus, RequestStatus, may

COORDINATOR = Caller("coordinator-1", Role.COORDINATOR, region="VR04")
URGENCIES = (Urgency.U2, Urgency.U3, Urgency.U5, Urgency.U3)
ALL_IS_WELL = Findings(counters=0, overdue=0, stuck=0, marks=0)
OVERCOMMITTED_FOR = timedelta(minutes=1)
CLOCK_TOLERANCE = timedelta(minutes=2)


class Died(Exception):  # noqa: N818  it names what happened
    """The process was gone just before it could commit."""


# What can happen. Few units and cases, and picks that wrap around, so that everything happens to the same places.


@dataclass(frozen=True)
class Asks:
    """A case asks for a place; one that asked before begins its next round."""

    case: int


@dataclass(frozen=True)
class Offers:
    nth: int
    """Of the requests that seek a place, or of all when none does."""
    units: tuple[int, ...]
    is_second: bool = False
    """Of those that have a place without room, while there are any."""


@dataclass(frozen=True)
class Answers:
    """A provider answers: accepts when there is no reason, with the token of this offer or one that it has kept from another."""

    nth: int
    reason: str | None
    has_own_token: bool = True
    is_to_any: bool = False
    """Also to what has ended; else to one that is open while there is any."""


@dataclass(frozen=True)
class Confirms:
    """A provider says whether there is room for whom it accepted: asked, or after it had none; else of any placement."""

    nth: int
    has_room: bool


@dataclass(frozen=True)
class Leaves:
    nth: int


@dataclass(frozen=True)
class Arrives:
    nth: int
    elsewhere: int | None
    minutes_ago: int


@dataclass(frozen=True)
class Releases:
    nth: int


@dataclass(frozen=True)
class Ends:
    """The search ends: a coordinator cancels it, or triage says so."""

    case: int
    how: str


@dataclass(frozen=True)
class Reports:
    """Capacity tells a unit anew."""

    unit: int | None
    """The one where the last patient arrived when None."""
    free: int | None
    names: str = "nobody"
    """Which of the holds there its figures contain."""
    stated: int | None = 0
    """How many seconds after the last admission there the provider stated `occupied`; not at all when None."""
    is_closed: bool = False
    fresh_minutes: int = 720


@dataclass(frozen=True)
class Fills:
    """The unit that accepted last has no place left by its figures."""

    is_closed: bool


@dataclass(frozen=True)
class Passes:
    """Time, without anybody looking at what is due."""

    seconds: int


@dataclass(frozen=True)
class LooksAtTimers:
    """The worker does what is due."""


@dataclass(frozen=True)
class Again:
    """What came from Kafka comes once more."""

    nth: int


@dataclass(frozen=True)
class Dies:
    """The process dies in the middle of it, with all but the commit done."""

    act: object
    after: int = 0
    """How many transactions it had committed by then."""


@dataclass(frozen=True)
class AtOnce:
    """Several things at the same moment, each on a connection of its own."""

    acts: tuple[object, ...]


any_unit, any_case, nth = st.integers(0, 2), st.integers(0, 3), st.integers(0, 3)
offering = st.builds(Offers, nth, st.lists(any_unit, min_size=1, max_size=3, unique=True).map(tuple))
accepting = st.builds(Answers, nth, st.none())
answering = st.builds(
    Answers,
    nth,
    st.sampled_from([None, "GEEN_PERSONEEL", "NIET_EIGEN_CLIENT"]),
    has_own_token=st.sampled_from([True, True, False]),
    is_to_any=st.booleans(),
)
declining = st.builds(Answers, nth, st.sampled_from(["VOL", "GEEN_PERSONEEL"]))
confirming = st.builds(Confirms, nth, st.booleans())
arriving = st.builds(Arrives, nth, st.none() | any_unit, st.sampled_from([0, 1, 10]))
_figures = {
    "free": st.sampled_from([0, 1, 2, None]),
    "names": st.sampled_from(["nobody", "everybody", "admitted"]),
    "stated": st.sampled_from([0, None, -60, 119, 120, 600]),
    "is_closed": st.sampled_from([False, False, False, True]),
    "fresh_minutes": st.sampled_from([720, 20]),
}
reporting = st.builds(Reports, any_unit, **_figures)
counting_again = st.builds(Reports, st.none(), **_figures)
journey = st.one_of(st.builds(Leaves, nth), arriving, st.builds(Releases, nth))
filling = st.builds(Fills, st.booleans())
having_room = st.builds(Reports, any_unit, st.integers(1, 2))
offering_again = st.builds(Offers, nth, st.lists(any_unit, min_size=1, max_size=3, unique=True).map(tuple), st.just(value=True))
# Long enough for somebody to be asked, or for nobody to have answered.
waiting = st.builds(Passes, st.sampled_from([61, 61, 31 * 60]))
ending = st.builds(Ends, any_case, st.sampled_from(["cancel", "close", "died", "112"]))
passing = st.builds(Passes, st.sampled_from([61, 130, 16 * 60, 31 * 60, 9 * 3600]))
acts = st.one_of(offering, offering_again, accepting, answering, confirming, journey, reporting, filling, ending, st.builds(Asks, any_case))
looking = st.just(LooksAtTimers())
dying_acts = st.one_of(st.builds(Dies, acts), st.builds(Dies, looking, st.integers(0, 4)))
alone = st.one_of(
    offering, accepting, answering, declining, arriving, reporting, passing, looking, acts, dying_acts,
    st.builds(Again, st.integers(0, 9)),
)  # fmt: skip
# Chance alone seldom comes as far as a bed; what then goes wrong is what matters most.
chapters = st.one_of(
    alone.map(lambda one: (one,)),
    st.tuples(offering, accepting),
    st.tuples(offering, declining, looking),
    st.tuples(offering, answering),
    st.tuples(offering, accepting, journey),
    st.tuples(offering, accepting, arriving, counting_again),
    st.tuples(reporting, offering),
    st.tuples(offering, passing, looking),
    st.tuples(offering, accepting, filling, waiting, looking, confirming),
    st.tuples(offering, accepting, filling, waiting, looking, confirming, having_room, offering_again, accepting),
    st.tuples(having_room, offering_again, st.one_of(confirming, journey, looking), accepting),
    st.tuples(offering, passing, accepting),
    st.tuples(passing, looking),
)
at_once = st.lists(st.one_of(acts, looking), min_size=2, max_size=4).map(lambda few: AtOnce(tuple(few)))
crowded = st.tuples(chapters, at_once).map(lambda one: (*one[0], one[1]))
places = st.tuples(st.integers(1, 2), st.integers(0, 2), st.integers(0, 2))

LOSES_ROOM = (Offers(0, (0,)), Answers(0, None), Reports(0, 0), Passes(61), LooksAtTimers())
"""The first case has a place, and its unit then says that it is full."""

few_runs = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@example(places=(1, 0, 0), story=[(Offers(0, (0,)), Passes(16 * 60), Answers(0, None))])
@example(places=(1, 0, 0), story=[(Offers(0, (0,)), Answers(0, "VOL"), LooksAtTimers())])
@example(places=(1, 0, 0), story=[(Offers(0, (0,)), Answers(0, None), Arrives(0, None, 0), Reports(None, 1, stated=119))])
@example(places=(1, 0, 0), story=[(Offers(0, (0,)), Answers(0, None), Arrives(0, None, 0), Reports(None, 1, stated=120))])
@example(places=(1, 1, 0), story=[(*LOSES_ROOM, Confirms(0, has_room=False), Offers(0, (1,)), Answers(0, None), Releases(0))])
@example(
    places=(1, 1, 0), story=[(*LOSES_ROOM, Confirms(0, has_room=False), Offers(0, (1,)), Confirms(0, has_room=True), Answers(0, None))]
)
@example(places=(1, 1, 0), story=[(*LOSES_ROOM, Confirms(0, has_room=False), Offers(0, (1,)), Reports(0, 1), LooksAtTimers())])
@example(places=(1, 1, 0), story=[(*LOSES_ROOM, Passes(31 * 60), LooksAtTimers(), Passes(31 * 60), LooksAtTimers(), Answers(0, None))])
@example(places=(1, 1, 0), story=[(*LOSES_ROOM, Confirms(0, has_room=False), Offers(0, (1,)), Leaves(0), LooksAtTimers())])
@given(places=places, story=st.lists(chapters, min_size=5, max_size=15))
@few_runs
async def test_no_story_gives_a_place_twice_or_holds_one_for_ever_or_in_secret(placement, places, story):
    telling = await Telling.begins(placement, places)
    for step in chain.from_iterable(story):
        await telling.goes_on(step)


@given(places=places, story=st.lists(crowded, min_size=2, max_size=6))
@few_runs
async def test_no_story_does_either_in_which_much_happens_at_the_same_moment(placement, places, story):
    telling = await Telling.begins(placement, places)
    for step in chain.from_iterable(story):
        await telling.goes_on(step)


class Reader:
    """Somebody who knows nothing but what was published, and believes no step that the table of states does not have."""

    BECOMES: ClassVar = {
        "offer-made": OfferStatus.OFFERED,
        "offer-accepted": OfferStatus.ACCEPTED,
        "offer-declined": OfferStatus.DECLINED,
        "transport-left": OfferStatus.UNDERWAY,
        "patient-admitted": OfferStatus.ADMITTED,
        "placement-released": OfferStatus.RELEASED,
    }

    def __init__(self) -> None:
        self.requests, self.rounds, self.offers, self.places, self.holds, self.versions = {}, {}, {}, {}, {}, {}

    def hears(self, row) -> None:
        stream = (row["aggregatetype"], row["aggregateid"])
        assert row["version"] == self.versions.get(stream, FIRST_VERSION - 1) + 1, "a version is missing"
        self.versions[stream] = row["version"]
        if row["aggregatetype"] == "placement.holds.v1":
            self.holds[UUID(row["aggregateid"])] = HoldsChangedV1.model_validate_json(row["payload"])
        else:
            self._hears_of_a_case(row["type"].split(".")[-2], orjson.loads(row["payload"]))

    def _hears_of_a_case(self, kind, told) -> None:
        case_id = UUID(told["case_id"])
        if kind == "room-answered":
            self._hears_of_room(case_id, UUID(told["offer_id"]), has_room=told["has_room"])
        if kind in self.BECOMES or kind == "offer-ended":
            offer_id = UUID(told["offer_id"])
            _moves(self.offers, offer_id, self.BECOMES[kind] if kind in self.BECOMES else OfferStatus(told["how"]))
            self.places[offer_id] = UUID(told["unit_id"])
        if kind == "request-opened":
            _moves(self.requests, case_id, RequestStatus.OPEN)
            self.rounds[case_id] = told["round"]
        elif kind == "offer-accepted" or (kind == "transport-left" and self.requests[case_id] is RequestStatus.MOVING):
            _moves(self.requests, case_id, RequestStatus.PLACED)
        elif kind == "request-escalated" and told["to"] == "LCPS" and self.requests[case_id] is RequestStatus.OPEN:
            _moves(self.requests, case_id, RequestStatus.BIJ_LCPS)
        elif kind == "request-closed":
            _moves(self.requests, case_id, RequestStatus.CLOSED)

    def _hears_of_room(self, case_id, offer_id, *, has_room) -> None:
        if self.offers[offer_id] is OfferStatus.ACCEPTED and not has_room:
            _moves(self.requests, case_id, RequestStatus.MOVING)
        elif self.requests[case_id] is RequestStatus.MOVING:
            _moves(self.requests, case_id, RequestStatus.PLACED)


def _moves(known, one, after) -> None:
    assert may(known[one], after) if one in known else after in BEGINS, f"{known.get(one)} became {after}"
    known[one] = after


@dataclass(frozen=True)
class Rows:
    """All that stands in the database, at one moment."""

    requests: dict
    offers: dict
    units: dict
    timers: set
    newest_event: int

    def holding(self, unit_id) -> list:
        return [offer for offer in self.offers.values() if offer["unit_id"] == unit_id and offer["status"] in HOLDING]


class Telling:
    """A story as it goes on, and everything that must be so after each of its steps."""

    def __init__(self, placement) -> None:
        self.placement = placement
        self.units, self.cases = [], []
        self.asked, self.told, self.newest = {}, {}, {}
        """What triage asked by case and round; what capacity told by unit and version, and the last of each unit."""
        self.full = {}
        self.deliveries = []
        self.keys = defaultdict(asyncio.Lock)
        self.reader = Reader()
        self.rows = self.looked_at = None
        self.acts = {
            Asks: self.asks,
            Offers: self.offers,
            Answers: self.answers,
            Confirms: self.confirms,
            Leaves: self.leaves,
            Arrives: self.arrives,
            Releases: self.releases,
            Ends: self.ends,
            Reports: self.reports,
            Fills: self.fills,
            Passes: self.passes,
            LooksAtTimers: self.looks_at_timers,
            Again: self.again,
            Dies: self.dies,
            AtOnce: self.at_once,
        }

    @classmethod
    async def begins(cls, placement, places):
        await placement.forgets_everything()
        telling = cls(placement)
        for free in places:
            told = await placement.a_unit(free=free)
            telling.units.append(told.unit_id)
            await telling.tells(told)
        telling.cases = [uuid4() for _ in URGENCIES]
        for case in range(3):
            await telling.asks(Asks(case))
        telling.rows = await telling.read()
        await telling.adds_up(telling.rows, telling.rows)
        return telling

    async def goes_on(self, step) -> None:
        before = self.rows
        outcome = await self.happens(step)
        after = self.rows = await self.read()
        if outcome == "nothing":
            assert after == before, "what was refused, repeated or undone left something behind"
        self.keeps_its_word(step, before, after)
        await self.adds_up(before, after)
        if isinstance(step, LooksAtTimers):
            assert await SqlBooks(self.placement.database).look() == ALL_IS_WELL
            for unit in after.units.values():
                if unit["overcommitted_since"] and unit["overcommitted_since"] + OVERCOMMITTED_FOR < self.looked_at:
                    assert not [offer for offer in after.holding(unit["unit_id"]) if offer["status"] == OfferStatus.OFFERED]

    # What happens; "nothing" is said of what may leave no trace.

    async def happens(self, step):
        try:
            return await self.acts[type(step)](step)
        except Rejected:
            return "nothing"

    async def at_once(self, step) -> None:
        async with asyncio.TaskGroup() as tasks:
            for act in step.acts:
                tasks.create_task(self._in_order_of_its_key(act))

    async def _in_order_of_its_key(self, act) -> None:
        # Everything happens at once, except that Kafka keeps the events of one case in order, and those of a unit.
        match act:
            case Asks(case) | Ends(case, "close" | "died" | "112"):
                key = self.cases[case]
            case Reports() | Fills():
                key = Reports
            case _:
                key = object()
        async with self.keys[key]:
            await self.happens(act)

    async def looks_at_timers(self, _) -> None:
        self.looked_at = await self.placement.now()
        await self.placement.timers_go_off()

    async def passes(self, step) -> None:
        await self.placement.later(seconds=step.seconds)

    async def again(self, step) -> str:
        await self.deliveries[step.nth % len(self.deliveries)]()
        return "nothing"

    async def offers(self, step):
        requests = (await self.read()).requests
        moving = [case_id for case_id, request in requests.items() if step.is_second and request["status"] == RequestStatus.MOVING]
        seeking = moving or [case_id for case_id, request in requests.items() if request["status"] in SEEKING] or list(requests)
        return await self.placement.make_offers(seeking[step.nth % len(seeking)], *(self.units[unit] for unit in step.units))

    async def leaves(self, step):
        return await self.with_one(step.nth, PLACEMENTS_NOW, self.placement.leave)

    async def releases(self, step):
        return await self.with_one(step.nth, PLACEMENTS_NOW, self.placement.release)

    async def arrives(self, step):
        at = await self.placement.now() - timedelta(minutes=step.minutes_ago)
        where = self.units[step.elsewhere] if step.elsewhere is not None else None
        return await self.with_one(step.nth, PLACEMENTS_NOW, lambda one: self.placement.admit(one, where, at))

    async def with_one(self, nth, among, act):
        one = await self.one(nth, among)
        return await act(one) if one else "nothing"

    async def one(self, nth, among) -> Offer | None:
        rows = (await self.read()).offers.values()
        found = [row for row in rows if row["status"] in among] or list(rows)
        return await self.placement.offer_now(found[nth % len(found)]["offer_id"]) if found else None

    async def answers(self, step):
        offer = await self.one(step.nth, set(OfferStatus) if step.is_to_any else {OfferStatus.OFFERED})
        if offer is None:
            return "nothing"
        others = [row["token"] for row in (await self.read()).offers.values() if row["offer_id"] != offer.offer_id]
        token = offer.token if step.has_own_token else (others or ["a guess"])[-1]
        is_late = not offer.is_open or offer.answer_by <= await self.placement.now()
        try:
            if step.reason is None:
                answered = await self.placement.accept(offer, token=token)
            else:
                answered = await self.placement.decline(offer, step.reason, token=token)
        except Rejected as refused:
            if is_late and refused.status != 409:
                raise AssertionError("a late answer is told something else than what happened") from refused
            raise
        assert not is_late, "an answer counted that came too late"
        assert step.has_own_token, "an answer counted with the token of another offer"
        if step.reason == "VOL":
            self.full[offer.unit_id] = answered.ended_at
        return answered

    async def confirms(self, step):
        rows = (await self.read()).offers.values()
        doubted = [row for row in rows if row["status"] in PLACEMENTS_NOW and (row["needs_confirmation"] or row["has_room"] is False)]
        found = doubted or list(rows)
        if not found:
            return "nothing"
        offer = await self.placement.offer_now(found[step.nth % len(found)]["offer_id"])
        return await self.placement.confirm(offer, has_room=step.has_room)

    async def asks(self, step) -> None:
        case_id = self.cases[step.case]
        asked = await self.placement.a_request(case_id=case_id, urgency=URGENCIES[step.case], round=self.asked.get(case_id, 0) + 1)
        await self.placement.asked(asked)
        self.asked[case_id] = asked.round
        self.deliveries.append(lambda: self.placement.asked(asked))

    async def ends(self, step) -> str | None:
        case_id = self.cases[step.case]
        if step.how == "cancel":
            if case_id not in (await self.read()).requests:
                return "nothing"
            await self.placement.cancel(case_id)
        elif step.how == "112":
            await self.placement.handed_over(case_id)
        else:
            outcome = ClosureOutcome.OVERLEDEN if step.how == "died" else ClosureOutcome.INGETROKKEN
            await self.placement.closed(case_id, outcome=outcome)
        # A case that is unknown when it ends has had its first round.
        self.asked[case_id] = max(self.asked.get(case_id, 0), 1)
        return None

    async def reports(self, step) -> None:
        now, rows = await self.placement.now(), await self.read()
        unit_id = self.units[step.unit] if step.unit is not None else self._last_arrival(rows)
        there = rows.holding(unit_id)
        named = {"nobody": set(), "everybody": HOLDING, "admitted": {OfferStatus.ADMITTED}}[step.names]
        arrivals = [offer["admitted_at"] for offer in there if offer["admitted_at"]]
        last = self.newest[unit_id]
        stated = last.occupied_reported_at if step.stated is None else max(arrivals, default=now) + timedelta(seconds=step.stated)
        is_known = step.free is not None
        told = last.model_copy(
            update={
                "free": 0 if step.is_closed and is_known else step.free,
                "open": (0 if step.is_closed else 10) if is_known else None,
                "occupied": 10 - step.free if is_known else None,
                "closed_reason": "UITBRAAK" if step.is_closed else None,
                # Who does not state it confirms what was known, or reports other figures.
                "observed_at": now if step.stated is None else stated,
                "fresh_until": now + timedelta(minutes=step.fresh_minutes) if is_known else None,
                "occupied_reported_at": stated,
                "includes_holds": tuple(offer["offer_id"] for offer in there if offer["status"] in named),
            }
        )
        await self.tells(told)

    async def fills(self, step) -> str | None:
        there = [offer for offer in (await self.read()).offers.values() if offer["status"] in PLACEMENTS_NOW]
        if not there:
            return "nothing"
        last = max(there, key=lambda offer: offer["accepted_at"])
        return await self.reports(Reports(self.units.index(last["unit_id"]), 0, is_closed=step.is_closed))

    def _last_arrival(self, rows):
        arrived = [offer for offer in rows.offers.values() if offer["admitted_at"]]
        return max(arrived, key=lambda offer: offer["admitted_at"])["unit_id"] if arrived else self.units[0]

    async def tells(self, told) -> None:
        version = self.placement.versions.get(told.unit_id, FIRST_VERSION - 1) + 1
        self.placement.versions[told.unit_id] = version

        async def deliver() -> None:
            async with self.placement.work() as work:
                await project_units(work, [Told(told, version)])

        await deliver()
        self.told[told.unit_id, version] = told
        self.newest[told.unit_id] = told
        self.deliveries.append(deliver)
        since = self.full.get(told.unit_id)
        if since is not None and max(told.observed_at, told.occupied_reported_at) > since:
            del self.full[told.unit_id]

    async def dies(self, step) -> str | None:
        """Nothing stays of a single act; of what is due, what was committed before."""
        with dying(self.placement.database, after=step.after):
            try:
                await self.happens(step.act)
            except Died:
                event("died")
        return None if isinstance(step.act, LooksAtTimers) else "nothing"

    # What must be so.

    def keeps_its_word(self, step, before, after) -> None:
        """What may not happen in this step, though the state after it may look well."""
        for offer_id, offer in after.offers.items():
            was = before.offers.get(offer_id)
            if was is None and not isinstance(step, AtOnce):
                self.was_there_a_place(offer, after)
            if was is not None and (was["status"], offer["status"]) == (OfferStatus.ACCEPTED, OfferStatus.RELEASED):
                self.had_its_reason(step, was, offer, after)
            if was is not None and offer["status"] == OfferStatus.ABSORBED != was["status"]:
                told = self.told[offer["unit_id"], offer["absorbed_version"]]
                assert _contains(told, offer), "a patient was taken to be in figures that do not contain it"
            if was is not None and isinstance(step, Reports | Fills) and was["status"] != offer["status"]:
                assert (was["status"], offer["status"]) == (OfferStatus.ADMITTED, OfferStatus.ABSORBED), "a figure moved a patient"

    def had_its_reason(self, step, was, offer, after) -> None:
        """Nobody loses a place but by somebody's word, at the end of its hold, or for a second one because there was no room."""
        if isinstance(step, Answers):
            assert (was["has_room"], offer["reason"]) == (False, "MOVED")
            assert after.requests[offer["case_id"]]["status"] == RequestStatus.PLACED, "a place was given up for nothing"
        elif isinstance(step, LooksAtTimers):
            assert (offer["reason"], was["held_until"] <= self.looked_at) == ("EXPIRED", True)

    def was_there_a_place(self, offer, after) -> None:
        told = self.newest[offer["unit_id"]]
        assert told.free is not None
        assert told.fresh_until > offer["made_at"]
        assert told.closed_reason is None
        assert offer["unit_id"] not in self.full
        assert len(self.beside(offer["unit_id"], after)) <= told.free, "a place was given twice"
        before = [one for one in after.offers.values() if one["case_id"] == offer["case_id"] and one["round"] == offer["round"]]
        for one in before:
            if one["unit_id"] == offer["unit_id"] and one["has_room"] is False and one["reason"] in {None, "MOVED"}:
                looked = max(told.observed_at, told.occupied_reported_at)
                assert looked > one["room_answered_at"], "offered again on the figure that had no room"

    def beside(self, unit_id, rows) -> list:
        """The holds that count beside the figures."""
        return [offer for offer in rows.holding(unit_id) if offer["offer_id"] not in self.newest[unit_id].includes_holds]

    async def adds_up(self, before, after) -> None:
        await self.reads_what_is_new(before, after)
        for unit_id, unit in after.units.items():
            self.counts(unit_id, unit, after)
        for offer in after.offers.values():
            self.has_an_end(offer, after)
        for case_id, request in after.requests.items():
            self.goes_somewhere(case_id, request, after)

    async def reads_what_is_new(self, before, after) -> None:
        since = before.newest_event if before is not after else 0
        for row in await self.placement.rows("select * from outbox where id > $1 order by id", since):
            self.reader.hears(row)
        assert self.reader.requests == {case_id: request["status"] for case_id, request in after.requests.items()}
        assert self.reader.rounds == {case_id: request["round"] for case_id, request in after.requests.items()}
        # That a patient is in the figures is told with the holds.
        known = {
            offer_id: OfferStatus.ADMITTED if offer["status"] == OfferStatus.ABSORBED else offer["status"]
            for offer_id, offer in after.offers.items()
        }
        assert self.reader.offers == known
        assert self.reader.places == {offer_id: offer["unit_id"] for offer_id, offer in after.offers.items()}

    def counts(self, unit_id, unit, rows) -> None:
        holding = rows.holding(unit_id)
        assert unit["held"] == len(self.beside(unit_id, rows)), "the counter differs from its rows"
        assert unit["full_since"] == self.full.get(unit_id)
        assert (unit["overcommitted_since"] is not None) == (unit["free"] is not None and unit["held"] > unit["free"])
        told = self.reader.holds.get(unit_id)
        said = {(one.hold_id, one.status, one.until, one.admitted_at) for one in told.holds} if told else set()
        assert said == {(one["offer_id"], one["status"], one["held_until"], one["admitted_at"]) for one in holding}
        assert (told.full_since if told else None) == unit["full_since"]
        absorbed = {one.hold_id: one.unit_version for one in told.absorbed} if told else {}
        assert absorbed == {
            one["offer_id"]: one["absorbed_version"]
            for one in rows.offers.values()
            if one["unit_id"] == unit_id and one["status"] == OfferStatus.ABSORBED and one["ended_at"] > told.changed_at - timedelta(days=1)
        }

    def has_an_end(self, offer, rows) -> None:
        subject, until = str(offer["offer_id"]), offer["held_until"]
        if offer["needs_confirmation"]:
            asked = [timer for timer in rows.timers if timer[0] == "room-judged" and timer[1].startswith(subject)]
            assert offer["confirm_by"] in {timer[2] for timer in asked}, "a question that waits for ever"
        match offer["status"]:
            case OfferStatus.OFFERED:
                assert until == offer["answer_by"]
                assert ("offer-expires", subject, until) in rows.timers, "an offer without an end"
            case OfferStatus.ACCEPTED:
                assert ("hold-ends", subject, until) in rows.timers, "a placement without an end"
            case OfferStatus.UNDERWAY:
                assert offer["warned_at"] or any(timer[:2] == ("hold-ends", subject) for timer in rows.timers)
            case OfferStatus.ADMITTED:
                assert not offer["needs_confirmation"]
                told = self.newest[offer["unit_id"]]
                assert not _contains(told, offer), "a patient counts beside figures that contain it"

    def goes_somewhere(self, case_id, request, rows) -> None:
        mine = [offer for offer in rows.offers.values() if offer["case_id"] == case_id]
        open_ = [offer for offer in mine if offer["status"] == OfferStatus.OFFERED]
        is_moving = request["status"] == RequestStatus.MOVING
        is_placed = is_moving or request["status"] == RequestStatus.PLACED
        assert len([offer for offer in mine if offer["status"] in PLACEMENTS_NOW]) == is_placed
        assert is_moving == any(offer["status"] == OfferStatus.ACCEPTED and offer["has_room"] is False for offer in mine)
        is_searched = is_moving and request["region_index"] < len(request["regions"]) and request["moves"] < MOST_MOVES
        assert not open_ or request["status"] in SEEKING
        assert {offer["round"] for offer in open_} <= {request["round"]}
        if (request["status"] == RequestStatus.OPEN or is_searched) and not open_:
            waits = [timer for timer in rows.timers if timer[0] == "request-unattended" and timer[1].startswith(str(case_id))]
            assert request["unattended_at"] in {timer[2] for timer in waits}, "a request that nobody looks at again"

    async def read(self) -> Rows:
        rows = self.placement.rows
        timers_set = await rows("select kind, subject, due_at from timers")
        (newest,) = await rows("select coalesce(max(id), 0) as id from outbox")
        return Rows(
            {row["case_id"]: dict(row) for row in await rows("select * from requests order by urgency, case_id")},
            {row["offer_id"]: dict(row) for row in await rows("select * from offers order by made_at, offer_id")},
            {row["unit_id"]: dict(row) for row in await rows("select * from units")},
            {(row["kind"], row["subject"], row["due_at"]) for row in timers_set},
            newest["id"],
        )


def _contains(told, offer) -> bool:
    """The rule, once more: the figures name the patient, or state `occupied` well after the admission."""
    if offer["offer_id"] in told.includes_holds:
        return True
    return told.occupied_reported_at is not None and told.occupied_reported_at >= offer["admitted_at"] + CLOCK_TOLERANCE


@contextmanager
def dying(database, after):
    """The process dies at the end of a transaction, all of it written, after so many that it has committed."""
    begin, left = database.begin, [after]

    @asynccontextmanager
    async def cut_off():
        async with begin() as tx:
            yield tx
            if not left[0]:
                await tx.flush()
                raise Died
            left[0] -= 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "begin", cut_off)
        yield


# Many at once, for one place.


async def test_fifty_at_once_for_the_last_place_get_one_hold_every_time(placement):
    for _ in range(20):
        unit_id = await placement.unit(1)
        events = [await placement.a_request() for _ in range(50)]
        await placement.asked(*events)

        answers = await asyncio.gather(*(placement.make_offers(one.case_id, unit_id) for one in events), return_exceptions=True)

        given = [answer for answer in answers if not isinstance(answer, BaseException)]
        assert len(given) == 1
        assert [answer.problem for answer in answers if isinstance(answer, Rejected)] == ["place-gone"] * 49
        assert await placement.held_by_all_accounts(unit_id) == 1
        await placement.closed(given[0][0].case_id)


async def test_of_five_acceptances_at_once_one_wins_every_time(placement):
    units = [await placement.unit() for _ in range(5)]
    for _ in range(10):
        case_id = await placement.request()
        offers = await placement.make_offers(case_id, *units)

        answers = await asyncio.gather(*(placement.accept(offer) for offer in offers), return_exceptions=True)

        (winner,) = [answer for answer in answers if isinstance(answer, Offer)]
        assert [answer.problem for answer in answers if isinstance(answer, Rejected)] == ["offer-withdrawn"] * 4
        assert [await placement.held_by_all_accounts(one) for one in units] == [int(one == winner.unit_id) for one in units]
        await placement.closed(case_id)


@pytest.mark.parametrize("is_committed", [True, False])
async def test_an_offer_waits_for_a_report_in_flight_and_goes_by_what_came_of_it(placement, is_committed):
    unit_id, case_id = await placement.unit(1), await placement.request()
    full = placement.last_told[unit_id].model_copy(update={"free": 0, "occupied": 10})

    async with asyncio.TaskGroup() as tasks, placement.database.connection() as connection:
        report = connection.transaction()
        await report.start()
        await project_units(SqlWork(Transaction(connection, []), placement.settings.policy), [Told(full, FIRST_VERSION + 1)])
        asking = tasks.create_task(_asked(placement, case_id, unit_id))
        await eventually(lambda: _waits_for_a_lock(placement), what="the offer waits for the report")
        await (report.commit() if is_committed else report.rollback())

    assert asking.result() == ("place-gone" if is_committed else "offered")
    assert await placement.held_by_all_accounts(unit_id) == (not is_committed)


async def _asked(placement, case_id, unit_id) -> str:
    try:
        await placement.offered(case_id, unit_id)
    except Rejected as refused:
        return refused.problem
    return "offered"


async def _waits_for_a_lock(placement) -> bool:
    return bool(
        await placement.rows(
            "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and state = 'active'"
        )
    )


async def test_a_report_that_takes_the_place_away_waits_for_an_offer_in_flight_and_then_shows_that_there_is_one_too_many(placement):
    unit_id, case_id = await placement.unit(1), await placement.request()

    async with asyncio.TaskGroup() as tasks, placement.work() as work:
        await make_offers(work, case_id, [unit_id], None, COORDINATOR)
        tasks.create_task(placement.reports(unit_id, free=0, occupied=10))
        await eventually(lambda: _waits_for_a_lock(placement), what="the report waits for the offer")

    assert await placement.held_by_all_accounts(unit_id) == 1
    assert (await placement.unit_now(unit_id)).is_overcommitted
    await placement.later(seconds=61)
    await placement.timers_go_off()
    assert await placement.held_by_all_accounts(unit_id) == 0
