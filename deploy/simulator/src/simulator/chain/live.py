"""Patients finding places, live, beside the country's reports."""

import asyncio
from collections.abc import Iterator, Mapping
from uuid import UUID

import httpx

from contracts.geography import roaz_regions, safety_regions
from simulator.chain.agenda import Agenda
from simulator.chain.calling import Calling
from simulator.chain.calls import Callers, referrer_of, triagist_of
from simulator.chain.coordinating import Coordinating
from simulator.chain.guests import Guests
from simulator.chain.providing import Providing
from simulator.chain.tidying import Tidying
from simulator.client import Api
from simulator.day import Day
from simulator.settings import DaySettings, SystemSettings
from simulator.tokens import Tokens, Who
from simulator.world import World

# A caller who gets no answer for so long has called somebody else.
PATIENCE_SECONDS = 60.0
CONNECTIONS = 12


class Chain:
    """Callers, coordinators and providers of one country."""

    def __init__(self, system: SystemSettings, settings: DaySettings, tokens: Tokens) -> None:
        self._system = system
        self._settings = settings
        self._tokens = tokens
        self._agenda: Agenda | None = None

    async def run(self, world: World, ids: Mapping[str, UUID], day: Day, guests: Guests) -> None:
        """Until cancelled.

        Raises:
            NoToken: no tokens could be had.
        """
        await self._tokens.fetch(everybody(world))
        limits = httpx.Limits(max_connections=CONNECTIONS)
        async with httpx.AsyncClient(base_url=self._system.url, timeout=httpx.Timeout(30, connect=5, pool=60), limits=limits) as client:
            api = Api(client, self._tokens, patience_seconds=PATIENCE_SECONDS)
            async with asyncio.TaskGroup() as tasks:
                agenda = self._agenda = Agenda(tasks)
                tasks.create_task(Providing(api, agenda, world=world, ids=ids, day=day, guests=guests).run())
                coordinating = Coordinating(api, self._settings.seed, agenda)
                tasks.create_task(coordinating.run())
                tasks.create_task(coordinating.run_patience())
                tasks.create_task(Calling(api, Callers(self._settings.seed, self._settings.speed), agenda).run())
                tasks.create_task(Tidying(api, agenda).run())

    def progress(self) -> dict[str, object]:
        """What happened since the start."""
        if self._agenda is None:
            return {}
        return {"patients": dict(sorted(self._agenda.done.items())), "in_mind": self._agenda.open}


def everybody(world: World) -> Iterator[Who]:
    """All who act in the chain, so that their tokens come at once: one by one they would keep patients waiting for minutes."""
    for region in safety_regions():
        yield Who("coordinator", region=region)
    for roaz in roaz_regions():
        yield triagist_of(roaz)
        yield referrer_of(roaz)
    for organisation in dict.fromkeys(location.organisation for location in world.locations):
        yield Who("provider", organisation)
    for hospital in world.hospitals:
        yield Who("hospital", hospital.location.organisation)
