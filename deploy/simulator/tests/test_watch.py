"""The story reads Kafka as anybody may: from the end, without a group, and only what it is about."""

import asyncio
import json

import pytest
from aiokafka import AIOKafkaProducer

from chassis.testing.fixtures import Broker, MakeTopics
from contracts.placement import HOLDS
from contracts.triage import CASES
from simulator.story.watch import KafkaAway, Passing, Watch


async def put(producer: AIOKafkaProducer, namespace: str, topic: str, key: str, fact: str, **body: object) -> None:
    headers = [("ce_type", f"nl.zorgcoordinatie.somebody.{fact}.v1".encode())]
    await producer.send_and_wait(f"{namespace}.{topic}", json.dumps(body).encode(), key=key.encode(), headers=headers)


async def test_what_passed_before_or_is_about_another_case_is_not_part_of_the_story(
    broker: Broker, topics: MakeTopics, namespace: str
) -> None:
    await topics(partitions=2, topics=[CASES, HOLDS])
    told: list[Passing] = []
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers) as producer:
        await put(producer, namespace, CASES.name, "our-case", "case-registered", number=1)
        async with Watch(broker.bootstrap_servers, namespace, (CASES.name, HOLDS.name), told.append) as watch:
            watch.follow(CASES.name, "our-case")
            await put(producer, namespace, CASES.name, "another-case", "case-registered", number=2)
            await put(producer, namespace, HOLDS.name, "our-case", "holds-changed", number=3)
            waiting = asyncio.create_task(watch.passes("case-assessed", 20, is_wanted=lambda body: body["number"] == 5))
            await put(producer, namespace, CASES.name, "our-case", "case-assessed", number=4)
            await put(producer, namespace, CASES.name, "our-case", "case-assessed", number=5)

            assert (await waiting).body == {"number": 5}

    assert [(passing.topic, passing.fact, passing.body["number"]) for passing in told] == [
        (CASES.name, "case-assessed", 4),
        (CASES.name, "case-assessed", 5),
    ]


async def test_what_does_not_pass_in_time_is_said(broker: Broker, topics: MakeTopics, namespace: str) -> None:
    await topics(partitions=1, topics=[CASES])

    async with Watch(broker.bootstrap_servers, namespace, (CASES.name,), lambda _: None) as watch:
        with pytest.raises(TimeoutError):
            await watch.passes("case-registered", 0.05)


async def test_a_broker_without_our_topics_is_not_the_running_system(broker: Broker, namespace: str) -> None:
    with pytest.raises(KafkaAway):
        async with Watch(broker.bootstrap_servers, namespace, (CASES.name,), lambda _: None):
            pass
