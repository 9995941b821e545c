"""From a report that the API accepts to the changed figure on the national stream."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp
import orjson
from aiokafka import AIOKafkaConsumer

from tests.benchmarks.country import BenchUnit, FigureKey
from tests.benchmarks.figures import Latency

Seen = dict[tuple[FigureKey, int], float]


@dataclass
class Watch:
    """When each value of each figure was first seen at each place on its way."""

    on_units: dict[tuple[str, int], float] = field(default_factory=dict)
    on_national: Seen = field(default_factory=dict)
    on_stream: Seen = field(default_factory=dict)


@dataclass(frozen=True)
class Passage:
    """One report on its way; instants by this process' clock."""

    unit: BenchUnit
    occupied: int
    sent_at: float
    accepted_at: float


async def measure(session: aiohttp.ClientSession, units: Sequence[BenchUnit], rate: int, seconds: int, watch: Watch) -> list[Passage]:
    """Post single reports at this rate, and wait until the stream has shown every one of them (or half a minute)."""
    passages: list[Passage] = []

    async def post(unit: BenchUnit, report: dict[str, object], occupied: int) -> None:
        sent_at = time.perf_counter()
        async with session.post("/capacity/v1/reports", data=orjson.dumps(report), headers={"Content-Type": "application/json"}) as answer:
            if answer.status != 202:
                raise RuntimeError(f"a report was answered with {answer.status}")
            await answer.read()
        passages.append(Passage(unit, occupied, sent_at, time.perf_counter()))

    begun = time.perf_counter()
    posting = []
    for nth in range(rate * seconds):
        await asyncio.sleep(max(0.0, begun + nth / rate - time.perf_counter()))
        unit = units[nth % len(units)]
        report = unit.next_report()
        posting.append(asyncio.ensure_future(post(unit, report, unit.reports)))
    await asyncio.gather(*posting)
    end = time.perf_counter() + 30
    while time.perf_counter() < end and any((passage.unit.figure, passage.occupied) not in watch.on_stream for passage in passages):
        await asyncio.sleep(0.05)
    return passages


def accepted_to_shown(passages: Sequence[Passage], watch: Watch) -> Latency:
    """The promise: accepted by the API, changed on the stream."""
    return Latency.of(
        [watch.on_stream[key] - one.accepted_at for one in passages if (key := (one.unit.figure, one.occupied)) in watch.on_stream]
    )


def stages(passages: Sequence[Passage], watch: Watch) -> dict[str, Latency]:
    """Where the time goes, place by place."""
    accepted, to_units, to_national, to_stream = [], [], [], []
    for one in passages:
        key, unit_key = (one.unit.figure, one.occupied), (one.unit.unit_id, one.occupied)
        if key not in watch.on_stream or key not in watch.on_national or unit_key not in watch.on_units:
            continue
        accepted.append(one.accepted_at - one.sent_at)
        to_units.append(watch.on_units[unit_key] - one.accepted_at)
        to_national.append(watch.on_national[key] - watch.on_units[unit_key])
        to_stream.append(watch.on_stream[key] - watch.on_national[key])
    return {
        "POST → 202 (capacity's transaction)": Latency.of(accepted),
        "202 → on capacity.units.v1 (relay)": Latency.of(to_units),
        "→ on reporting.national.v1 (Faust, roll-up, publisher, relay)": Latency.of(to_national),
        "→ on the stream (live picture, SSE)": Latency.of(to_stream),
    }


async def watch_stream(session: aiohttp.ClientSession, watch: Watch, is_open: asyncio.Event) -> None:
    """Read the national stream as LCPS would."""
    async with session.get("/reporting/v1/national/stream?level=VR") as answer:
        answer.raise_for_status()
        is_open.set()
        async for line in answer.content:
            if line.startswith(b"data:"):
                _note(orjson.loads(line[5:]), watch.on_stream)


async def watch_topics(bootstrap_servers: str, watch: Watch) -> None:
    """Read both topics on the way, to tell where the time goes."""
    consumer = AIOKafkaConsumer("capacity.units.v1", "reporting.national.v1", bootstrap_servers=bootstrap_servers, fetch_max_wait_ms=100)
    await consumer.start()
    try:
        while True:
            for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                now = time.perf_counter()
                for record in records:
                    body = orjson.loads(record.value)
                    if tp.topic == "capacity.units.v1":
                        if body.get("occupied") is not None:
                            watch.on_units.setdefault((body["unit_id"], body["occupied"]), now)
                    elif body.get("level") == "VR":
                        _note(body, watch.on_national, now)
    finally:
        await consumer.stop()


def _note(figure: dict[str, object], seen: Seen, now: float | None = None) -> None:
    occupied = figure.get("occupied")
    if isinstance(occupied, int):
        key = (str(figure["region"]), str(figure["care_type"]), str(figure["cohort"]))
        seen.setdefault((key, occupied), now if now is not None else time.perf_counter())
