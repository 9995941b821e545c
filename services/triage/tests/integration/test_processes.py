"""The processes of triage: what each needs, and what goes on while Kafka is away."""

from datetime import UTC, datetime
from uuid import uuid4

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from chassis.kafka.cloudevents import headers_of
from chassis.security.roles import Role
from chassis.testing.waiting import eventually
from contracts.event import FIRST_VERSION
from contracts.placement import PLACEMENTS, PlacementHeartbeatV1
from contracts.triage import CASES
from embedded.ports import free_port


async def test_the_api_does_not_start_without_the_vaults_keys_in_a_real_deployment(service_database, processes, tmp_path):
    # A deployment has the keys of its identity provider, and no issuer of its own.
    (tmp_path / "jwks.json").write_text('{"keys": []}')
    environment = {"DATABASE_URL": await service_database("triage"), "KEYS_DIR": str(tmp_path)}

    api = processes.start("triage", "api", "--port", str(free_port()), env=environment)

    assert await api.wait_exit() != 0
    assert "vault.json" in api.log


@pytest.fixture
def start_worker(triage, broker, namespace, processes, tmp_path):
    """Without the vault's keys, and without the identity provider's: the worker answers to nobody and opens nothing."""

    def start():
        return processes.start(
            "triage",
            "worker",
            env={
                "DATABASE_URL": triage.settings.database_url,
                "KEYS_DIR": str(tmp_path / "no-keys"),
                "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
                "NAMESPACE": namespace,
            },
        )

    return start


@pytest.fixture
async def placement(broker, namespace):
    """Says what placement would say, on Kafka."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    await producer.start()

    async def says(*events, key, partition=0):
        for nth, event in enumerate(events):
            headers = headers_of(
                ce_type=event.ce_type,
                event_id=uuid4(),
                owner="placement",
                subject=event.subject,
                time=datetime.now(UTC),
                version=FIRST_VERSION + nth,
                traceparent=None,
            )
            await producer.send_and_wait(
                f"{namespace}.{PLACEMENTS.name}", event.body(), key=key.encode(), headers=headers, partition=partition
            )

    yield says
    await producer.stop()


async def test_the_worker_follows_placement_without_the_vaults_keys(triage, offer_of, topics, start_worker, placement):
    await topics(partitions=1)
    case = await triage.register()
    await triage.ask(case)
    worker = start_worker()
    offer = offer_of(case)
    await placement(offer.made, offer.accepted, key=case.case_id)
    await placement(PlacementHeartbeatV1(partition=0, at=datetime.now(UTC)), key="heartbeat/0")

    async def is_shown():
        look = await triage.get(f"cases/{case.case_id}/patient", role=Role.PROVIDER, org="thuiszorg-noord")
        return look.status_code == 200

    await eventually(is_shown, timeout=40, what=worker.log)
    assert (await triage.shown(case))["placement_request"]["status"] == "ACCEPTED"


async def test_a_nurse_goes_on_while_kafka_is_away_and_all_arrives_afterwards_once_and_in_order(
    triage, topics, broker, namespace, start_worker
):
    # Nothing of the API waits for Kafka: what is to be sent lies in the outbox until there is a worker to send it.
    cases = [await triage.register() for _ in range(3)]
    for case in cases:
        await triage.assess(case, {"kan_niet_belasten": True})
        await triage.ask(case)
        await triage.assess(case, {"bewusteloos": True})
    await topics(partitions=2)

    worker = start_worker()

    async def is_sent():
        return not await triage.rows("select from outbox where published_at is null")

    await eventually(is_sent, timeout=40, what=worker.log)
    worker.kill9()
    await worker.wait_exit()
    again = start_worker()
    await again.said("relay")
    consumer = AIOKafkaConsumer(f"{namespace}.{CASES.name}", bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        told = {case.case_id: [] for case in cases}
        while sum(map(len, told.values())) < 5 * len(cases):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    if record.key.decode() in told:
                        told[record.key.decode()].append(
                            (dict(record.headers)["ce_type"].decode().split(".")[-2], orjson.loads(record.value))
                        )
    finally:
        await consumer.stop()
    names = ["case-registered", "case-assessed", "placement-requested", "case-assessed", "case-handed-over"]
    assert {case_id: [name for name, _ in events] for case_id, events in told.items()} == {case.case_id: names for case in cases}
    assert "GEMERKT" not in str(told) + worker.log + again.log
