"""The simulated day, live: registers the country, tells how it stands, and then what happens, as it happens."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx

from simulator.brief import say
from simulator.chain.guests import Guests
from simulator.chain.live import Chain
from simulator.client import Api, Refused, Unreachable
from simulator.day import Day, Fact, Sitting, addressed, kafka_organisations
from simulator.providers_on_kafka import ProvidersOnKafka
from simulator.registry import register
from simulator.settings import DaySettings, SystemSettings
from simulator.tokens import NoToken, Tokens
from simulator.world import World, build

REPORTS = "/capacity/v1/reports"
REPORTS_BATCH = "/capacity/v1/reports/batch"
FLOWS_BATCH = "/capacity/v1/flows/batch"

SENDERS = 6
# Sittings that wait for a sender. When they are that many the clock waits too, and providers then tell how it stands by then.
WAITING_SITTINGS = 200
# Facts are given up after this long without an answer: a newer report of the same unit is on its way.
PATIENCE_SECONDS = 900.0
# Flows of this long before the start are told too; those that were told before a restart have the same ids and count once.
FLOWS_BEFORE = timedelta(hours=1)
PROGRESS_SECONDS = 30.0
LOOK_AGAIN_SECONDS = 0.5
LONGEST_SLEEP_SECONDS = 1.0


@dataclass(slots=True)
class Tally:
    """What was sent since the start."""

    reports: int = 0
    flows: int = 0
    refused: int = 0
    given_up: int = 0


async def run_day(system: SystemSettings, settings: DaySettings) -> None:
    """Simulate until cancelled.

    Raises:
        NoToken: no token could be had.
        Refused: the registry does not take our providers.
    """
    tokens = Tokens(system.keys_dir, system.token)
    limits = httpx.Limits(max_connections=SENDERS + 2)
    async with httpx.AsyncClient(base_url=system.url, timeout=httpx.Timeout(120, connect=5), limits=limits) as client:
        api = Api(client, tokens, patience_seconds=PATIENCE_SECONDS)
        await Simulation(api, tokens, settings, Chain(system, settings, tokens)).run()


class Simulation:
    """One run of the day against one system."""

    def __init__(self, api: Api, tokens: Tokens, settings: DaySettings, chain: Chain) -> None:
        self._api = api
        self._tokens = tokens
        self._chain = chain
        self._settings = settings
        self._ids: dict[str, UUID] = {}
        self._waiting: asyncio.Queue[Sitting] = asyncio.Queue(WAITING_SITTINGS)
        self._kafka: ProvidersOnKafka | None = None
        self._kafka_organisations: frozenset[str] = frozenset()
        self.tally = Tally()

    async def run(self) -> None:
        world = build(self._settings.seed)
        await self._system_is_up()
        await self._register(world)

        guests = Guests()
        day = Day(world, self._settings.speed, datetime.now(UTC), guests)
        await self._tell_how_it_stands(day)
        self._open_kafka(world)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(SENDERS):
                tasks.create_task(self._send_sittings())
            if self._kafka is not None:
                tasks.create_task(self._kafka.run())
            tasks.create_task(self._tell_progress())
            tasks.create_task(self._keep_time(day))
            tasks.create_task(self._chain.run(world, self._ids, day, guests))

    async def _system_is_up(self) -> None:
        is_said = False
        while True:
            try:
                if (await self._api.look("/capacity/health/live")).is_success:
                    return
            except Unreachable:
                if not is_said:
                    say("waiting for the system")
                    is_said = True
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _register(self, world: World) -> None:
        began = time.monotonic()
        while not self._ids:
            try:
                self._ids = await register(self._api, [(location, location.units) for location in world.locations])
            except Unreachable:
                say("waiting for the system")
        say("registered", locations=len(world.locations), units=sum(1 for _ in world.units()), seconds=round(time.monotonic() - began, 1))

    async def _tell_how_it_stands(self, day: Day) -> None:
        began = time.monotonic()
        await self._batch(REPORTS_BATCH, list(day.first_reports()))
        await self._batch(FLOWS_BATCH, list(day.first_flows(datetime.now(UTC) - FLOWS_BEFORE)))
        say("told how it stands", reports=self.tally.reports, flows=self.tally.flows, seconds=round(time.monotonic() - began, 1))

    def _open_kafka(self, world: World) -> None:
        if self._settings.kafka_bootstrap_servers is None or not self._tokens.can_issue:
            # Without a broker, or without the issuer from whom providers get their own tokens, all use the API.
            return
        self._kafka_organisations = frozenset(kafka_organisations(world))
        self._kafka = ProvidersOnKafka(
            self._settings.kafka_bootstrap_servers, self._settings.kafka_login, self._settings.namespace, self._tokens, self._ids
        )

    async def _keep_time(self, day: Day) -> None:
        while True:
            for sitting in day.due(datetime.now(UTC)):
                if self._kafka is not None and sitting.location.organisation in self._kafka_organisations:
                    self._kafka.take(sitting)
                    sitting = Sitting(sitting.at, sitting.location, (), (), sitting.flows, is_twice=False)  # noqa: PLW2901 - what is left for the API
                await self._waiting.put(sitting)
            pause = (day.next_at() - datetime.now(UTC)).total_seconds()
            # Never long: the machine may have been asleep meanwhile.
            await asyncio.sleep(min(max(pause, 0), LONGEST_SLEEP_SECONDS))

    async def _send_sittings(self) -> None:
        while True:
            sitting = await self._waiting.get()
            try:
                await self._send(sitting)
            except (NoToken, Unreachable):
                self.tally.given_up += len(sitting.reports) + len(sitting.lone) + len(sitting.flows)
            except Refused:
                # A whole batch of flows was refused; single reports that are refused are answers.
                self.tally.refused += 1

    async def _send(self, sitting: Sitting) -> None:
        for _ in range(2 if sitting.is_twice else 1):
            if sitting.reports:
                await self._post([self._body(report) for report in sitting.reports], len(sitting.reports))
        for report in sitting.lone:
            await self._post(self._body(report), 1)
        if sitting.flows:
            await self._batch(FLOWS_BATCH, sitting.flows)

    async def _post(self, body: object, reports: int) -> None:
        response = await self._api.post(REPORTS, body)
        if response.is_success:
            self.tally.reports += reports
        else:
            self.tally.refused += reports

    async def _batch(self, path: str, facts: Sequence[Fact]) -> None:
        answers = await self._api.batch(path, [self._body(fact) for fact in facts])
        taken = sum(answer.is_taken for answer in answers)
        self.tally.refused += len(answers) - taken
        if path == FLOWS_BATCH:
            self.tally.flows += taken
        else:
            self.tally.reports += taken

    def _body(self, fact: Fact) -> Fact:
        return addressed(fact, self._ids)

    async def _tell_progress(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            kafka = {} if self._kafka is None else {"on_kafka": self._kafka.sent, "left_out": self._kafka.left_out}
            say(
                "progress",
                reports=self.tally.reports,
                flows=self.tally.flows,
                refused=self.tally.refused,
                given_up=self.tally.given_up,
                retries=self._api.counts.retries,
                waiting=self._waiting.qsize(),
                **kafka,
                **self._chain.progress(),
            )
