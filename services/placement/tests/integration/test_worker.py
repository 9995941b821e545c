"""The worker reads triage and capacity from Kafka, acts when time passes, and shows on every partition that it lives."""

from datetime import UTC, datetime
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from chassis.kafka.cloudevents import headers_of
from chassis.testing.waiting import eventually
from contracts.capacity import UNITS
from contracts.codes import Urgency
from contracts.event import FIRST_VERSION
from contracts.placement import PLACEMENTS
from contracts.triage import CASES

PARTITIONS = 2


async def test_a_request_on_kafka_is_taken_up_and_when_nobody_acts_the_first_candidate_is_asked(
    placement, broker, topics, namespace, processes
):
    await topics(partitions=PARTITIONS)
    unit = await placement.a_unit()
    request = await placement.a_request(urgency=Urgency.U2)
    environment = {
        "DATABASE_URL": placement.settings.database_url,
        "KEYS_DIR": str(placement.settings.keys_dir),
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "NAMESPACE": namespace,
        "UNATTENDED_MINUTES_BY_URGENCY": '{"U2": 0.01}',
    }
    worker = processes.start("placement", "worker", env=environment)
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    await producer.start()
    try:
        for topic, event in ((UNITS, unit), (CASES, request)):
            headers = headers_of(
                ce_type=event.ce_type,
                event_id=uuid4(),
                owner=topic.owner,
                subject=event.subject,
                time=datetime.now(UTC),
                version=FIRST_VERSION,
                traceparent=None,
            )
            await producer.send_and_wait(f"{namespace}.{topic.name}", event.body(), key=event.subject.encode(), headers=headers)
    finally:
        await producer.stop()

    async def is_asked():
        return await placement.rows("select from offers where is_automatic and unit_id = $1", unit.unit_id)

    await eventually(is_asked, timeout=40, what=worker.log)

    async def beats_everywhere():
        rows = await placement.rows(
            "select distinct partition from outbox where aggregatetype = $1 and published_at is not null and partition is not null",
            PLACEMENTS.name,
        )
        return len(rows) == PARTITIONS

    await eventually(beats_everywhere, timeout=20, what=worker.log)
    assert await placement.facts(request.case_id) == ["request-opened", "offer-made"]
    assert await placement.held_by_all_accounts(unit.unit_id) == 1
    worker.terminate()
    assert await worker.wait_exit() == 0
