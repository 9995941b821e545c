"""Poisoned messages: whatever lies on a topic, the readers go on, say what they set aside and why, and count the next good one."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer

from chassis.database.outbox import Outgoing, write_outbox
from chassis.testing.waiting import eventually

from .load import fresh_report, kafka_headers, load, producing, report_body, send_on_kafka
from .oracle import Ward
from .system import CAPACITY_WORKER, REPORTING_WORKER, SESSION_TIMEOUT_SECONDS, System

# What the broker takes by default, less the record's own headers.
_AS_LARGE_AS_IT_GOES = 1_047_000
_REPORTING_READS = ("capacity.units.v1", "capacity.observations.v1", "capacity.flows.v1")
_TYPES = {
    "capacity.units.v1": "nl.zorgcoordinatie.capacity.unit-changed.v1",
    "capacity.observations.v1": "nl.zorgcoordinatie.capacity.observation-recorded.v1",
    "capacity.flows.v1": "nl.zorgcoordinatie.capacity.flow-recorded.v1",
}


@dataclass(frozen=True)
class Poison:
    """A record that no owner would write, and what must stand in its reason."""

    name: str
    reason: str
    body: bytes | None = b"{}"
    headers: Mapping[str, str | None] = field(default_factory=dict)
    """Beside, or instead of, those of a good event; None leaves one out."""
    key: bytes | None = None
    """None is a key that nobody has used before."""


_EVENTS = (
    Poison("not JSON", "breaks the contract", b"{ this is not json"),
    Poison("not UTF-8", "breaks the contract", b'{"name": "\xff\xfe"}'),
    Poison("JSON, but another thing altogether", "breaks the contract", b"[1, 2, 3]"),
    Poison("wrong fields", "breaks the contract", b'{"unit_id": 12, "occupied": "veel"}'),
    Poison("wrong type", "carries no such ce_type", headers={"ce_type": "nl.zorgcoordinatie.triage.case-closed.v1"}),
    Poison("as large as the broker takes", "breaks the contract", b'"' + b"x" * _AS_LARGE_AS_IT_GOES + b'"'),
    Poison("missing ce_id", "ce_id", headers={"ce_id": None}),
    Poison("missing ce_sequence", "ce_sequence", headers={"ce_sequence": None}),
    Poison("a sequence that is no number", "ce_sequence", headers={"ce_sequence": "-1"}),
    Poison("NUL in the body", "NUL", b'{"name": "\\u0000"}'),
    Poison("NUL in the key", "key", key=b"\x00"),
    Poison("a key that is not UTF-8", "key", key=b"\xff\xfe"),
)


@pytest_asyncio.fixture(scope="module")
async def producer(system: System) -> AsyncIterator[AIOKafkaProducer]:
    async with producing(system) as started:
        yield started


async def test_poison_on_the_topics_that_reporting_reads_is_parked_with_its_reason_and_stops_nobody(
    system: System, producer: AIOKafkaProducer
) -> None:
    expected: dict[tuple[str, int, int], str] = {}
    async with load(system, rate=40, seed=11):
        for topic in _REPORTING_READS:
            for poison in _EVENTS:
                expected[await _put(system, producer, topic, poison, _TYPES[topic])] = poison.reason
            # On event topics an empty body is no event; on a compacted one it says that the key is gone, which is for the owner to say.
            tombstone = await _put(system, producer, topic, Poison("tombstone", "", None), _TYPES[topic])
            if topic != "capacity.units.v1":
                expected[tombstone] = "breaks the contract"
        await eventually(lambda: _assert_set_aside(system, "reporting", "parked", expected), timeout=60, every=0.3)

    await system.assert_nothing_lost_and_nothing_twice()
    assert REPORTING_WORKER not in system.ended
    code, listed = await system.run("reporting", "parked", "list")
    assert (code, len(listed.splitlines())) == (0, len(expected))
    code, discarded = await system.run("reporting", "parked", "discard", *(line.partition("\t")[0] for line in listed.splitlines()))
    assert (code, discarded) == (0, f"{len(expected)} discarded\n")


async def test_a_unit_whose_state_cannot_be_read_makes_its_figures_incomplete_until_its_next_good_one(system: System) -> None:
    ward = _ward(system)
    await system.settled()
    await _publish_broken(system, "capacity.units.v1", ward)

    await eventually(lambda: _assert_incomplete(system, ward.cells), timeout=60, every=0.1)
    await _reported(system, ward, occupied=7)

    await system.assert_nothing_lost_and_nothing_twice()


async def test_an_observation_that_cannot_be_read_holds_up_its_unit_alone_until_it_is_discarded(system: System) -> None:
    ward = _ward(system)
    await system.settled()
    await _publish_broken(system, "capacity.observations.v1", ward)
    await _reported(system, ward, occupied=2)
    await _reported(system, ward, occupied=11)
    await _reported(system, next(other for other in system.oracle.wards.values() if other != ward), occupied=10)

    await eventually(lambda: _assert_open(system, 3), timeout=60, every=0.5)
    _, listed = await system.run("reporting", "parked", "list")
    broken, *followers = listed.splitlines()
    assert "breaks the contract" in broken
    assert all("an earlier event of this key is parked" in follower for follower in followers)
    await system.run("reporting", "parked", "discard", broken.partition("\t")[0])
    code, replayed = await system.run("reporting", "parked", "replay")
    assert (code, replayed) == (0, f"capacity.observations.v1\t{ward.unit_id}\t2 applied\tdone\n")

    await system.assert_nothing_lost_and_nothing_twice()


_REPORTS = (
    Poison("not JSON", "", b"{ this is not json"),
    Poison("not UTF-8", "", b'{"source": "\xff\xfe"}'),
    Poison("another thing altogether", "", b"[]"),
    Poison("empty", "", b""),
    Poison("tombstone", "", None),
    Poison("wrong type", "", headers={"ce_type": "nl.zorgcoordinatie.capacity.unit-changed.v1"}),
    Poison("as large as the broker takes", "", b'"' + b"x" * _AS_LARGE_AS_IT_GOES + b'"'),
    Poison("missing ce_id", "ce_id", headers={"ce_id": None}),
    Poison("NUL", "", b'{"source": "\\u0000"}'),
    Poison("no token", "token", headers={"authorization": None}),
    Poison("a token that is none", "", headers={"authorization": "Bearer nonsense"}),
    Poison("an expired token", "expired", headers={"authorization": "expired"}),
    Poison("another organisation's token", "", headers={"authorization": "other"}),
    Poison("a role that reports nothing", "", headers={"authorization": "auditor"}),
)


async def test_poison_among_the_reports_is_rejected_alone_and_never_silences_its_unit(system: System, producer: AIOKafkaProducer) -> None:
    wards = list(system.oracle.wards.values())[:4]
    expected: dict[tuple[str, int, int], str] = {}
    for ward in wards:
        for poison in _REPORTS:
            expected[await _put_report(system, producer, ward, poison)] = poison.reason
        for reason, change in _broken_rules(system):
            body = report_body(fresh_report(ward.unit_id, total=20, open=18, occupied=4, reserved=0), ward.source) | change
            expected[await _put_report(system, producer, ward, Poison("a broken rule", reason, orjson.dumps(body)))] = reason
        good = fresh_report(ward.unit_id, total=20, open=18, occupied=8, reserved=1)
        await send_on_kafka(system, producer, ward, good)
        system.oracle.accepted(good)

    await eventually(lambda: _assert_set_aside(system, "capacity", "rejected", expected), timeout=60, every=0.3)
    await system.assert_nothing_lost_and_nothing_twice()
    assert CAPACITY_WORKER not in system.ended
    copies = [seen.json for seen in await system.owned_records("capacity.parked.v1")]
    assert not [copy for copy in copies if "token" in copy or "authorization" in copy]


def _broken_rules(system: System) -> list[tuple[str, dict[str, Any]]]:
    now = datetime.now(UTC)
    return [
        ("clock-ahead", {"observed_at": (now + timedelta(minutes=5)).isoformat()}),
        ("too-old", {"observed_at": (now - timedelta(days=15)).isoformat()}),
        ("implausible", {"occupied": 19}),
        ("", {"occupied": -1}),
        ("", {"occupied": "vier"}),
        ("", {"source": "GERUCHT"}),
        ("", {"observed_at": None}),
        # The key of the record is the unit's, so this is another's report under its name.
        ("other-key", {"unit_id": str(uuid4())}),
    ]


async def test_a_report_of_a_unit_that_is_not_registered_is_rejected(system: System, producer: AIOKafkaProducer) -> None:
    ward = _ward(system)
    unknown = Ward(uuid4(), *(getattr(ward, name) for name in list(Ward.__dataclass_fields__)[1:]))
    body = report_body(fresh_report(unknown.unit_id, occupied=1), ward.source)

    address = await _put_report(system, producer, unknown, Poison("unknown unit", "", orjson.dumps(body)))

    await eventually(lambda: _assert_set_aside(system, "capacity", "rejected", {address: "unit-not-found"}), timeout=60, every=0.3)
    await system.settled()


async def test_nothing_of_this_is_left_to_stop_a_worker_that_starts_again(system: System) -> None:
    await system.settled()
    await system.kill9(CAPACITY_WORKER, REPORTING_WORKER)
    system.start(CAPACITY_WORKER)
    system.start(REPORTING_WORKER)
    async with load(system, rate=40, seed=12):
        await asyncio.sleep(SESSION_TIMEOUT_SECONDS / 3)

    await system.assert_nothing_lost_and_nothing_twice()
    assert system.ended == []


async def _put(system: System, producer: AIOKafkaProducer, topic: str, poison: Poison, ce_type: str) -> tuple[str, int, int]:
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid4()),
        "ce_type": ce_type,
        "ce_source": "urn:nl:zorgcoordinatie:capacity",
        "ce_time": datetime.now(UTC).isoformat(),
        "ce_sequence": str(2**40 + 1),
        **poison.headers,
    }
    return await _send(system, producer, topic, poison, headers, key=str(uuid4()).encode() if poison.key is None else poison.key)


async def _put_report(system: System, producer: AIOKafkaProducer, ward: Ward, poison: Poison) -> tuple[str, int, int]:
    good = report_body(fresh_report(ward.unit_id, total=20, open=18, occupied=4, reserved=0), ward.source)
    tokens = {
        "expired": system.token("provider", org=ward.organisation, ttl_seconds=-60),
        "other": system.token("provider", org="org-elders"),
        "auditor": system.token("auditor"),
    }
    headers = {**kafka_headers(ward, system.token("provider", org=ward.organisation)), **poison.headers}
    authorization = headers["authorization"]
    if authorization in tokens:
        headers["authorization"] = f"Bearer {tokens[authorization]}"
    body = orjson.dumps(good) if poison.body == b"{}" else poison.body
    return await _send(
        system, producer, "capacity.reports.v1", Poison(poison.name, poison.reason, body), headers, key=str(ward.unit_id).encode()
    )


async def _send(
    system: System, producer: AIOKafkaProducer, topic: str, poison: Poison, headers: Mapping[str, str | None], *, key: bytes
) -> tuple[str, int, int]:
    sent = await producer.send_and_wait(
        system.log.named(topic),
        poison.body,
        key=key,
        headers=[(name, value.encode()) for name, value in headers.items() if value is not None],
    )
    address = (topic, sent.partition, sent.offset)
    system.poisoned.add(address)
    return address


async def _publish_broken(system: System, topic: str, ward: Ward) -> None:
    """As a fault in capacity would: in the outbox, with the next version of its key."""
    broken = Outgoing(
        topic=topic,
        key=str(ward.unit_id),
        type=_TYPES[topic],
        subject=str(ward.unit_id),
        body=b'{"occupied": "veel"}',
        event_id=uuid4(),
        partition=None,
        traceparent=None,
    )
    async with system.database("capacity") as connection, connection.transaction():
        await write_outbox(connection, [broken])
    system.broken_events.add(str(broken.event_id))


async def _reported(system: System, ward: Ward, **figures: int) -> None:
    report = fresh_report(ward.unit_id, **figures)
    answer = await system.post("/capacity/v1/reports", report_body(report, ward.source))
    assert answer.status_code == 202, answer.text
    system.oracle.accepted(report)


async def _assert_set_aside(system: System, reader: str, kind: str, expected: Mapping[tuple[str, int, int], str]) -> bool:
    """Each of these has one copy on the parked topic, with its reason."""
    copies: dict[tuple[str, int, int], list[dict[str, Any]]] = {}
    for seen in {seen.id: seen for seen in await system.owned_records(f"{reader}.parked.v1")}.values():
        copy = seen.json
        copies.setdefault((copy["topic"], copy["partition"], copy["offset"]), []).append(copy)
    missing = [address for address in expected if address not in copies]
    assert missing == []
    for address, reason in expected.items():
        [copy] = copies[address]
        assert copy["kind"] == kind
        assert reason in copy["reason"], f"{address}: {copy['reason']}"
        assert copy["is_whole"] == (copy["size"] <= 64 * 1024)
    return True


async def _assert_incomplete(system: System, cells: list[str]) -> bool:
    national = await system.national()
    assert {cell for cell, figure in national.items() if figure["incomplete"]} == set(cells)
    return True


async def _assert_open(system: System, count: int) -> bool:
    async with system.database("reporting") as connection:
        assert await connection.fetchval("select count(*) from parked where resolved_at is null") == count
    return True


def _ward(system: System) -> Ward:
    # A hospital's, so that its observations stand in the feed.
    ward = next((ward for ward in system.oracle.wards.values() if ward.sector == "ZIEKENHUIS"), None)
    if ward is None:
        pytest.fail("no hospital is registered")
    return ward
