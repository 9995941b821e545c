"""Providers at work: each answers what is offered to its own units, fetches the patient, and counts them in its next report."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from contracts.codes import ClosureOutcome, Source
from simulator.chain.agenda import Agenda
from simulator.chain.calls import is_simulated, triagist_of
from simulator.chain.guests import Guests
from simulator.chain.placement import OFFERS, accept, admit, decline, give_up, read_offer, send_transport
from simulator.chain.providers import Manner, Reply, manner
from simulator.chain.triage import CASES, Case
from simulator.client import Api, checked
from simulator.day import Day, addressed
from simulator.tokens import Who
from simulator.world import Location, Unit, World

REPORTS = "/capacity/v1/reports"
# A refusal that is not valid there: the offer stays open, and the provider has to take the patient after all.
NOT_A_REASON = 422
GONE = frozenset({404, 409, 412})

Offer = dict[str, Any]
Act = Callable[[Offer, Manner], Awaitable[None]]


class Providing:
    """The providers of the country. They watch one stream together, but each acts with a token of its own organisation.

    What is done next follows from the offer's state and its id alone, so that a restart goes on where it was.
    """

    def __init__(self, api: Api, agenda: Agenda, *, world: World, ids: Mapping[str, UUID], day: Day, guests: Guests) -> None:
        self._api = api
        self._seed = world.seed
        self._ids = ids
        self._day = day
        self._guests = guests
        self._agenda = agenda
        self._homes = {str(ids[unit.external_id]): (location, unit) for location, unit in world.units()}
        self._offers: dict[str, Offer] = {}
        self._planned: dict[str, str] = {}

    async def run(self) -> None:
        """Follow until cancelled."""
        async for event in self._api.live(f"{OFFERS}/stream"):
            if event.name == "reset":
                self._offers.clear()
            elif event.name == "gone":
                self._forget(str(event.data["id"]))
            elif event.name == "message" and str(event.data["unit_id"]) in self._homes:
                self._see(event.data)

    def _see(self, offer: Offer) -> None:
        offer_id, status = str(offer["offer_id"]), str(offer["status"])
        self._offers[offer_id] = offer
        if self._planned.get(offer_id) == status:
            return
        how = manner(self._seed, offer_id)
        match status:
            case "OFFERED" if how.reply is not Reply.SILENCE:
                self._plan(offer, "made_at", how.answer_seconds, self._answer)
            case "OFFERED":
                self._agenda.done["never answered"] += 1
            case "ACCEPTED":
                self._plan(offer, "accepted_at", how.transport_seconds, self._fetch)
            case "UNDERWAY":
                self._plan(offer, "left_at", how.ride_seconds, self._receive)
            case "ADMITTED":
                self._plan(offer, "admitted_at", how.report_seconds, self._count_in)
            case _:
                self._forget(offer_id)
                return
        self._planned[offer_id] = status

    def _plan(self, offer: Offer, since: str, seconds: float, act: Act) -> None:
        due = datetime.fromisoformat(str(offer[since])) + timedelta(seconds=seconds)
        self._agenda.plan(due, partial(self._if_still, str(offer["offer_id"]), str(offer["status"]), act))

    async def _if_still(self, offer_id: str, status: str, act: Act) -> None:
        offer = self._offers.get(offer_id)
        if offer is not None and offer["status"] == status:
            await act(offer, manner(self._seed, offer_id))

    async def _answer(self, offer: Offer, how: Manner) -> None:
        provider = self._provider_of(offer)
        asked = await read_offer(provider, str(offer["offer_id"]))
        if how.reply is Reply.DECLINE:
            response = await decline(provider, asked, how.reason)
            if response.status_code != NOT_A_REASON:
                self._agenda.done["too late" if response.status_code in GONE else "declined"] += 1
                return
            self._agenda.done["refusals reported"] += 1
            asked = await read_offer(provider, str(offer["offer_id"]))
        response = await accept(provider, asked)
        if response.status_code in GONE:
            self._agenda.done["too late"] += 1
            return
        checked(response)
        self._agenda.done["accepted"] += 1

    async def _fetch(self, placement: Offer, how: Manner) -> None:
        provider = self._provider_of(placement)
        if how.gives_up is not None:
            await give_up(provider, placement, how.gives_up)
            self._agenda.done["given back"] += 1
            return
        # Who comes? The provider that has accepted may know, and reads it before the ride; nothing of it is kept.
        await provider.look(f"{CASES}/{placement['case_id']}/patient")
        await send_transport(provider, placement)

    async def _receive(self, placement: Offer, _: Manner) -> None:
        await admit(self._provider_of(placement), placement)
        self._agenda.done["admitted"] += 1

    async def _count_in(self, placement: Offer, how: Manner) -> None:
        location, unit = self._home_of(placement)
        self._guests.admit(unit.external_id, datetime.fromisoformat(str(placement["admitted_at"])), how.stay)
        # A planner who types figures a few times a day says it at once; a record system may leave it to its next reading.
        is_named = how.is_named_in_report or location.source is Source.PLANNER
        if is_named:
            report = self._day.report_now(location, unit, datetime.now(UTC), [str(placement["offer_id"])])
            checked(await self._provider_of(placement).post(REPORTS, addressed(report, self._ids)))
        closing = datetime.now(UTC) + timedelta(seconds=how.closing_seconds)
        self._agenda.plan(closing, partial(self._close, str(placement["case_id"]), str(placement["roaz"])))

    async def _close(self, case_id: str, roaz: str) -> None:
        """Triage has done its part; cases of people who try the system are theirs to close."""
        case = Case(self._api.speaking_as(triagist_of(roaz)), case_id)
        seen = await case.look()
        if is_simulated(seen.get("organisation")) and seen.get("closed_at") is None:
            await case.close(ClosureOutcome.GEPLAATST)
            self._agenda.done["closed"] += 1

    def _provider_of(self, offer: Offer) -> Api:
        location, _ = self._home_of(offer)
        return self._api.speaking_as(Who("provider", location.organisation))

    def _home_of(self, offer: Offer) -> tuple[Location, Unit]:
        return self._homes[str(offer["unit_id"])]

    def _forget(self, offer_id: str) -> None:
        self._offers.pop(offer_id, None)
        self._planned.pop(offer_id, None)
