"""What calls that were cut off leave behind, by a restart or a system that was away, is closed after a while: the queue is for people."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from contracts.codes import ClosureOutcome
from simulator.chain.agenda import Agenda
from simulator.chain.calls import is_simulated, triagist_of
from simulator.chain.triage import CASES, Case
from simulator.client import Api, Refused, Unreachable
from simulator.tokens import NoToken

LOOK_AGAIN_SECONDS = 120.0
# No call lasts so long, and no patient who was placed goes uncounted for so long.
CUT_OFF_AFTER = timedelta(minutes=15)
A_PAGE = 200

# How a case ends that stopped in this state; one for whom a place is sought is looked after elsewhere.
ENDS: Mapping[str, ClosureOutcome] = {
    "NIEUW": ClosureOutcome.INGETROKKEN,
    "GETRIEERD": ClosureOutcome.INGETROKKEN,
    "GEPLAATST": ClosureOutcome.GEPLAATST,
}


class Tidying:
    """Closes what simulated callers left; cases of others are theirs."""

    def __init__(self, api: Api, agenda: Agenda) -> None:
        self._api = api
        self._agenda = agenda

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            for status, outcome in ENDS.items():
                try:
                    await self._tidy(status, outcome)
                except (NoToken, Refused, Unreachable):
                    self._agenda.done["given up"] += 1
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _tidy(self, status: str, outcome: ClosureOutcome) -> None:
        listed = (await self._api.get(CASES, {"status": status, "limit": str(A_PAGE)})).json()["items"]
        now = datetime.now(UTC)
        for case in listed:
            if is_simulated(case["organisation"]) and now - datetime.fromisoformat(case["registered_at"]) > CUT_OFF_AFTER:
                self._agenda.plan(now, partial(self._close, case, outcome))

    async def _close(self, case: Mapping[str, Any], outcome: ClosureOutcome) -> None:
        await Case(self._api.speaking_as(triagist_of(str(case["roaz"]))), str(case["case_id"])).close(outcome)
        self._agenda.done["tidied"] += 1
