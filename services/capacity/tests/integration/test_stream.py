"""Providers who put their reports on Kafka themselves are held to the rules of the API, record by record."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from capacity.entrypoints.stream import taking
from chassis.kafka.record import Record
from chassis.security.auth import Keyring
from chassis.security.roles import Role
from chassis.testing.waiting import eventually
from contracts.capacity import REPORTS

TYPE = "nl.zorgcoordinatie.capacity.report.v1"


def headers_of(capacity, **changed):
    headers = {
        "ce_specversion": "1.0",
        "ce_type": TYPE,
        "ce_id": str(uuid4()),
        "ce_source": "urn:nl:zorgcoordinatie:provider:zorggroep-oost",
        "authorization": f"Bearer {capacity.token()}",
        **changed,
    }
    return {name: value for name, value in headers.items() if value is not None}


@pytest.fixture
def a_record(capacity):
    def build(report, *, key=..., headers=None, body=None, appended_at=None):
        return Record(
            topic=REPORTS.name,
            partition=0,
            offset=0,
            appended_at=appended_at or datetime.now(UTC),
            key=report.get("unit_id") if key is ... else key,
            headers=headers_of(capacity, **(headers or {})),
            body=orjson.dumps(report) if body is None else body,
        )

    return build


@pytest.fixture
def take(capacity):
    async def run(*records):
        async with capacity.database.begin() as tx:
            verdicts = await taking(Keyring.of(capacity.settings), capacity.settings.age_limits)(tx, records)
        return [None if verdict is None else verdict.problem for verdict in verdicts]

    return run


def now(**ago):
    return (datetime.now(UTC) - timedelta(**ago)).isoformat()


async def test_a_report_on_the_topic_counts_like_one_at_the_api(capacity, a_record, take):
    unit_id = await capacity.unit()
    report = capacity.a_report(unit_id, observed_at=now())

    assert await take(a_record(report)) == [None]

    assert await capacity.figures(unit_id) == (12, 10, 7, 1, 2)
    assert await take(a_record(report)) == [None]
    assert len(await capacity.rows("select from observations")) == 1


async def test_what_breaks_a_rule_is_rejected_alone(capacity, a_record, take):
    unit_id = await capacity.unit()
    report = capacity.a_report(unit_id, observed_at=now())

    def other(**fields):
        return capacity.a_report(unit_id, **{"observed_at": now(minutes=1), **fields})

    cases = {
        "implausible": a_record(other(occupied=11)),
        "invalid": a_record(other(source="GERUCHT")),
        "malformed-json": a_record(report, body=b"\xff\xfe"),
        "unit-not-found": a_record(capacity.a_report(str(uuid4()), observed_at=now())),
        "import-not-allowed": a_record(other(source="IMPORT")),
        "clock-ahead": a_record(other(observed_at=now(minutes=-3))),
        "too-old": a_record(other(observed_at=now(days=15))),
        "no-time": a_record(capacity.a_report(unit_id)),
        "other-key": a_record(report, key=str(uuid4())),
        "not-a-report": a_record(report, headers={"ce_type": "nl.zorgcoordinatie.capacity.unit-changed.v1"}),
        "not-an-event": a_record(report, headers={"ce_id": None}),
        "other-source": a_record(report, headers={"ce_source": "urn:nl:zorgcoordinatie:provider:someone-else"}),
        "unauthorised": a_record(report, headers={"authorization": None}),
        "forbidden": a_record(report, headers={"authorization": f"Bearer {capacity.token(Role.TRIAGIST)}"}),
        "not-your-organisation": a_record(
            report,
            headers={
                "authorization": f"Bearer {capacity.token(Role.PROVIDER, 'someone-else')}",
                "ce_source": "urn:nl:zorgcoordinatie:provider:someone-else",
            },
        ),
    }

    assert await take(*cases.values(), a_record(report), a_record(report, key=None), a_record(report, body=b"")) == [
        *cases,
        None,
        "other-key",
        "malformed-json",
    ]

    assert (await capacity.figures(unit_id))[2] == 7
    assert len(await capacity.rows("select from observations")) == 1


async def test_times_are_judged_by_when_the_broker_had_the_record_and_not_by_when_it_is_read(capacity, a_record, take):
    unit_id = await capacity.unit()
    appended_at = datetime.now(UTC) - timedelta(hours=2)

    def ahead(minutes):
        return capacity.a_report(unit_id, observed_at=(appended_at + timedelta(minutes=minutes)).isoformat())

    assert await take(a_record(ahead(3), appended_at=appended_at), a_record(ahead(1), appended_at=appended_at)) == ["clock-ahead", None]

    assert datetime.fromisoformat((await capacity.shown(unit_id))["observed_at"]) == appended_at


async def test_a_token_counts_when_it_was_valid_as_the_broker_had_the_record(capacity, a_record, take):
    unit_id = await capacity.unit()
    expired = {"authorization": f"Bearer {capacity.token(ttl=-60)}"}
    earlier = datetime.now(UTC) - timedelta(minutes=5)
    report = capacity.a_report(unit_id, observed_at=earlier.isoformat())

    assert await take(a_record(report, headers=expired), a_record(report, headers=expired, appended_at=earlier)) == ["unauthorised", None]


async def test_the_worker_takes_reports_from_kafka_and_sends_what_they_change(capacity, broker, topics, namespace, processes):
    await topics(partitions=2)
    unit_id = await capacity.unit()
    environment = {
        "DATABASE_URL": capacity.settings.database_url,
        "KEYS_DIR": str(capacity.settings.keys_dir),
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "NAMESPACE": namespace,
    }
    worker = processes.start("capacity", "worker", env=environment)
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    await producer.start()
    try:
        for body in (
            b"\xff",
            orjson.dumps(capacity.a_report(unit_id, observed_at=now(), occupied=11)),
            orjson.dumps(capacity.a_report(unit_id, observed_at=now())),
        ):
            headers = [(name, value.encode()) for name, value in headers_of(capacity).items()]
            await producer.send_and_wait(f"{namespace}.{REPORTS.name}", body, key=unit_id.encode(), headers=headers)
    finally:
        await producer.stop()

    async def has_arrived():
        return (await capacity.figures(unit_id))[2] == 7

    await eventually(has_arrived, timeout=40, what=worker.log)

    async def is_sent():
        return not await capacity.rows("select from outbox where published_at is null")

    await eventually(is_sent, timeout=20, what=worker.log)
    assert [row["kind"] for row in await capacity.rows("select kind from parked")] == ["rejected", "rejected"]
    # What it showed is too old: the worker looks by itself.
    await capacity.rows("update units set folded = jsonb_set(folded, '{PLANNER,occupied,1}', to_jsonb('2020-01-01T00:00:00+00:00'::text))")
    await capacity.rows("update units set fresh_until = db_clock()")
    await capacity.rows("update timers set due_at = db_clock()")

    async def is_told():
        return (await capacity.published("capacity.units.v1", unit_id))[-1]["occupied"] is None

    await eventually(is_told, timeout=10, what=worker.log)
    worker.terminate()
    assert await worker.wait_exit() == 0
