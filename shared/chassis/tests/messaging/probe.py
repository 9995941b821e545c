"""A service of nothing but the chassis: what it is told it writes down, so that tests see what arrived, how often and in which order.

Runs as a real process too: `python probe.py worker`.
"""

import asyncio
import os
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Literal

import orjson

from chassis.command import Service, WorkerParts, commands
from chassis.database.sql import Database, Transaction
from chassis.errors import Rejected
from chassis.kafka.record import Record
from chassis.messaging.reading import Reading, Received, Submissions
from chassis.restoring.restored import Published, TakenBack
from chassis.settings import ServiceSettings
from contracts.event import Event
from contracts.parking import parked_topic
from contracts.topic import Topic

NAME = "probe"


class ProbeEvent(Event):
    """Something to write down; `behaviour` is what the handler does with it until the table `switches` says `fixed`."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.probe.happened.v1"

    name: str
    n: int
    behaviour: Literal["apply", "reject", "crash", "hang"] = "apply"
    text: str = ""

    @property
    def subject(self) -> str:
        return self.name


class OtherEvent(ProbeEvent):
    """Of another type, for a handler of its own."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.probe.other.v1"


EVENTS = Topic(
    name="probe.events.v1",
    owner=NAME,
    readers=(NAME,),
    events=(ProbeEvent, OtherEvent),
    key="name",
    description="What happened.",
    retention=timedelta(days=1),
)
STATES = Topic(name="probe.states.v1", owner=NAME, readers=(NAME,), events=(ProbeEvent,), key="name", description="How things are.")
REPORTS = Topic(
    name="probe.reports.v1",
    owner=NAME,
    readers=(NAME,),
    events=(),
    key="name",
    description="What outsiders say.",
    retention=timedelta(days=1),
    append_time=True,
    versioned=False,
)
PARKED = parked_topic(NAME)
TOPICS = (EVENTS, STATES, REPORTS, PARKED)


async def write_down(tx: Transaction, events: Sequence[Received[ProbeEvent]]) -> None:
    """Write each event down; one that misbehaves does so before anything is written."""
    is_fixed = await tx.connection.fetchval("select exists (select from switches where name = 'fixed')")
    for received in events:
        if received.event.behaviour == "apply" or is_fixed:
            continue
        if received.event.behaviour == "reject":
            raise Rejected("never", "this can never be applied")
        if received.event.behaviour == "hang":
            await asyncio.sleep(3600)
        raise RuntimeError("a fault in the handler")
    await tx.connection.execute(
        "insert into applied (topic, key, n, version) select * from unnest($1::text[], $2::text[], $3::int[], $4::bigint[])",
        [received.topic for received in events],
        [received.key for received in events],
        [received.event.n for received in events],
        [received.version for received in events],
    )


def mark_incomplete(topic: Topic) -> Any:
    async def on_parked(tx: Transaction, keys: Sequence[str], is_parked: bool) -> None:
        statement = "insert into incomplete values ($1, $2) on conflict do nothing"
        if not is_parked:
            statement = "delete from incomplete where topic = $1 and key = $2"
        for key in keys:
            await tx.connection.execute(statement, topic.name, key)

    return on_parked


async def take(tx: Transaction, records: Sequence[Record]) -> Sequence[Rejected | None]:
    """Take a report once by its id; anything that has none is rejected."""
    verdicts: list[Rejected | None] = []
    for record in records:
        try:
            report = orjson.loads(record.body)
            await tx.connection.execute("insert into taken values ($1) on conflict do nothing", report["id"])
            verdicts.append(None)
        except (orjson.JSONDecodeError, KeyError, TypeError):
            verdicts.append(Rejected("no-report", "this is no report"))
    return verdicts


READINGS = (
    Reading(EVENTS, {ProbeEvent: write_down, OtherEvent: write_down}, on_parked=mark_incomplete(EVENTS)),
    Reading(STATES, {ProbeEvent: write_down}, on_parked=mark_incomplete(STATES)),
    Submissions(REPORTS, take),
)


class ProbeRestoring:
    """Says how things are again, as far as it has written them down; its events it writes down anew."""

    tagged = ()
    read_first = ()

    async def take_back(self, database: Database, forgotten: Sequence[Received[Any]]) -> TakenBack:
        async with database.begin() as tx:
            for one in forgotten:
                await write_down(tx, [one])
        return TakenBack(len(forgotten))

    async def publish_again(self, database: Database, told: Mapping[str, Collection[str]]) -> Published:
        async with database.begin() as tx:
            rows = await tx.connection.fetch("select topic, key from outbox_versions where topic = $1 order by key", STATES.name)
            for row in rows:
                tx.publish(STATES, ProbeEvent(name=row["key"], n=0), key=row["key"])
            gone = sorted(set(told[STATES.name]) - {row["key"] for row in rows})
            for key in gone:
                tx.end(STATES, key=key)
        return Published({STATES.name: len(rows)}, gone)


def _worker_parts(_: ServiceSettings, __: Database) -> WorkerParts:
    return WorkerParts(readings=READINGS)


def _api() -> Any:
    raise NotImplementedError("the probe has no API")


service = Service(NAME, ServiceSettings.from_environment, _api, _worker_parts, lambda _: ProbeRestoring())

if __name__ == "__main__":
    os.environ.setdefault("LOG_LEVEL", "info")
    commands(service)()
