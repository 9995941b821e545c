"""Callers at work: a call from the first word to the request for a place, or to advice, or to 112."""

import asyncio
from datetime import UTC, datetime

from contracts.codes import ClosureOutcome, Urgency
from simulator.chain.agenda import Agenda
from simulator.chain.calls import HANDED_OVER, Call, Callers, answers_for
from simulator.chain.triage import Case, Protocol, read_protocol
from simulator.client import Api, Refused, Unreachable
from simulator.tokens import NoToken

LOOK_AGAIN_SECONDS = 5.0
# When the machine slept, or the system was away, nobody calls afterwards about then.
LATEST_SECONDS = 10.0
MOST_AT_ONCE = 30


class Calling:
    """Takes the calls of the day as they come."""

    def __init__(self, api: Api, callers: Callers, agenda: Agenda) -> None:
        self._api = api
        self._callers = callers
        self._agenda = agenda
        self._at_once = 0

    async def run(self) -> None:
        """Call until cancelled."""
        protocol = await self._protocol()
        async with asyncio.TaskGroup() as calls:
            at = datetime.now(UTC)
            while True:
                call = self._callers.next_after(at)
                await asyncio.sleep(max(0.0, (call.at - datetime.now(UTC)).total_seconds()))
                is_late = (datetime.now(UTC) - call.at).total_seconds() > LATEST_SECONDS
                at = datetime.now(UTC) if is_late else call.at
                if is_late or self._at_once >= MOST_AT_ONCE:
                    self._agenda.done["calls left out"] += 1
                    continue
                self._at_once += 1
                calls.create_task(self._take(call, protocol))

    async def _protocol(self) -> Protocol:
        while True:
            try:
                return await read_protocol(self._api)
            except (NoToken, Refused, Unreachable):
                # Triage starts by itself, after the system has begun to answer.
                await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _take(self, call: Call, protocol: Protocol) -> None:
        try:
            self._agenda.done[await self._calls(call, protocol)] += 1
        except (NoToken, Unreachable):
            self._agenda.done["given up"] += 1
        except Refused as refused:
            self._agenda.done[f"refused {refused.status}"] += 1
        finally:
            self._at_once -= 1

    async def _calls(self, call: Call, protocol: Protocol) -> str:
        """One call; gives how it ended."""
        case = await Case.register(self._api.speaking_as(call.who), call.contact, call.key("contact"))
        pauses = iter(call.pauses)
        urgency = call.urgency
        if call.is_assessed:
            await asyncio.sleep(next(pauses))
            filled_in = answers_for(call.urgency, call.lot, protocol.complaints)
            said = await case.assess(protocol, filled_in.complaint, filled_in.answers)
            urgency = Urgency(said["urgency"])
        if urgency in HANDED_OVER:
            # Handed over to 112 in the same call: there is nothing more to do.
            return "handed over to 112"
        if call.is_advice:
            await asyncio.sleep(next(pauses))
            await case.close(ClosureOutcome.ADVIES)
            return "advised"
        if call.wishes is not None:
            await asyncio.sleep(next(pauses))
            await case.wish(call.wishes)
        await asyncio.sleep(next(pauses))
        await case.ask_for_a_place(call.place(urgency, datetime.now(UTC)), call.key("place"))
        return "places asked"
