"""Coordinators at work: they follow the open requests of simulated callers, ask candidates, and let some go their own way.

Requests of people who try the system are left to those people, or to the automatic search.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from contracts.codes import ClosureOutcome, Urgency
from simulator.chain.agenda import Agenda
from simulator.chain.calls import is_simulated, triagist_of
from simulator.chain.coordinators import Look, look
from simulator.chain.placement import REQUESTS, candidates, make_offers
from simulator.chain.triage import Case
from simulator.client import Api
from simulator.tokens import Who

SEEKING = frozenset({"OPEN", "BIJ_LCPS"})
# After so many tries a coordinator leaves it to the automatic search.
MOST_LOOKS = 4
# For whom no place is found by then, the caller has found another way: else the queue would only ever grow.
PATIENCE = timedelta(minutes=12)
LOOK_AGAIN_SECONDS = 15.0

Request = Mapping[str, Any]


class Coordinating:
    """The coordinators of all regions. They watch one stream together, but each acts with the token of its own region."""

    def __init__(self, api: Api, seed: int, agenda: Agenda, *, look_again_seconds: float = LOOK_AGAIN_SECONDS) -> None:
        self._api = api
        self._seed = seed
        self._agenda = agenda
        self._requests: dict[str, Request] = {}
        self._look_again_seconds = look_again_seconds
        self._in_mind: set[str] = set()

    async def run(self) -> None:
        """Follow until cancelled."""
        async for event in self._api.live(f"{REQUESTS}/stream"):
            if event.name == "reset":
                self._requests.clear()
            elif event.name == "gone":
                self._requests.pop(str(event.data["id"]), None)
            elif event.name == "message" and is_simulated(event.data.get("organisation")):
                self._see(event.data)

    async def run_patience(self) -> None:
        """Withdraw what has waited too long, until cancelled."""
        while True:
            await asyncio.sleep(self._look_again_seconds)
            long_ago = datetime.now(UTC) - PATIENCE
            for case_id, request in list(self._requests.items()):
                if request["status"] in SEEKING and datetime.fromisoformat(str(request["opened_at"])) < long_ago:
                    # Tried once: whatever stands in the way, trying again every few seconds would not help.
                    del self._requests[case_id]
                    self._agenda.plan(long_ago, partial(self._withdraw, case_id, str(request["roaz"])))

    def _see(self, request: Request) -> None:
        case_id, turn = str(request["case_id"]), int(request["asked"])
        self._requests[case_id] = request
        if case_id in self._in_mind or turn >= MOST_LOOKS or not self._is_waiting(case_id):
            return
        how = look(self._seed, case_id, turn, Urgency(request["urgency"]))
        if not how.is_left_alone:
            self._in_mind.add(case_id)
            self._agenda.plan(datetime.now(UTC) + timedelta(seconds=how.after_seconds), partial(self._take_up, case_id, how))

    def _is_waiting(self, case_id: str) -> bool:
        request = self._requests.get(case_id)
        return request is not None and request["status"] in SEEKING and not request["open_offers"]

    async def _take_up(self, case_id: str, how: Look) -> None:
        self._in_mind.discard(case_id)
        if not self._is_waiting(case_id):
            return
        request = self._requests[case_id]
        coordinator = self._api.speaking_as(Who("coordinator", region=str(request["region"])))
        best = (await candidates(coordinator, case_id))["items"][: how.ask_at_once]
        if not best:
            self._agenda.done["without candidates"] += 1
            return
        place_by = datetime.fromisoformat(str(request["place_by"]))
        answer_by = min(datetime.now(UTC) + timedelta(seconds=how.answer_within_seconds), place_by)
        results = await make_offers(coordinator, case_id, [str(unit["unit_id"]) for unit in best], answer_by, str(uuid4()))
        self._agenda.done["offers made"] += sum(result["offer_id"] is not None for result in results)

    async def _withdraw(self, case_id: str, roaz: str) -> None:
        await Case(self._api.speaking_as(triagist_of(roaz)), case_id).close(ClosureOutcome.INGETROKKEN)
        self._agenda.done["withdrawn"] += 1
