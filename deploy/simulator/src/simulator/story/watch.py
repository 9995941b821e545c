"""What passes on Kafka, read as anybody may read it: without a group, from the end, and only what is about this story."""

import asyncio
import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Self

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

START_SECONDS = 15.0
TYPE_HEADER = "ce_type"


class KafkaAway(Exception):  # noqa: N818 - it names what happened
    """The broker does not answer."""


@dataclass(frozen=True, slots=True)
class Passing:
    """An event that passed."""

    topic: str
    """Without the namespace."""
    fact: str
    """The last words of its CloudEvents type: `offer-made`."""
    body: Mapping[str, Any]
    at: float
    """When we saw it, by the monotonic clock."""


class Watch:
    """Reads the topics in the background and keeps what is about the keys that are followed."""

    def __init__(self, bootstrap_servers: str, namespace: str, topics: Collection[str], on_passing: Callable[[Passing], None]) -> None:
        self._names = {f"{namespace}.{topic}" if namespace else topic: topic for topic in topics}
        # Without a group a consumer takes all partitions of its topics.
        self._consumer = AIOKafkaConsumer(*self._names, bootstrap_servers=bootstrap_servers, enable_auto_commit=False)
        self._on_passing = on_passing
        self._followed: set[tuple[str, str]] = set()
        self._seen: list[Passing] = []
        self._changed = asyncio.Condition()
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Stand at the end of every topic.

        Raises:
            KafkaAway: the broker does not answer, or the topics are not there.
        """
        try:
            await asyncio.wait_for(self._consumer.start(), START_SECONDS)
            await asyncio.wait_for(self._stand_at_the_end(), START_SECONDS)
        except (KafkaError, TimeoutError) as error:
            await self._consumer.stop()
            raise KafkaAway(type(error).__name__) from None
        except KafkaAway:
            await self._consumer.stop()
            raise
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._consumer.stop()

    def follow(self, topic: str, key: str) -> None:
        """From now on, what passes on this topic under this key is of the story."""
        self._followed.add((topic, key))

    async def passes(self, fact: str, within_seconds: float, *, is_wanted: Callable[[Mapping[str, Any]], bool] = lambda _: True) -> Passing:
        """The newest event of this kind that is wanted; waits for it when there is none yet.

        Raises:
            TimeoutError: none came in time.
        """
        async with asyncio.timeout(within_seconds), self._changed:
            while True:
                for passing in reversed(self._seen):
                    if passing.fact == fact and is_wanted(passing.body):
                        return passing
                await self._changed.wait()

    def seen(self, fact: str) -> list[Mapping[str, Any]]:
        """Every event of this kind that has passed."""
        return [passing.body for passing in self._seen if passing.fact == fact]

    async def _stand_at_the_end(self) -> None:
        partitions = self._consumer.assignment()
        if {partition.topic for partition in partitions} != set(self._names):
            raise KafkaAway("the topics are not there")
        await self._consumer.seek_to_end(*partitions)
        for partition in partitions:
            # Only now it is known where the end was; what comes after this is seen.
            await self._consumer.position(partition)

    async def _read(self) -> None:
        async for record in self._consumer:
            topic, key = self._names[record.topic], (record.key or b"").decode(errors="replace")
            if (topic, key) not in self._followed or record.value is None:
                continue
            headers = dict(record.headers)
            fact = headers.get(TYPE_HEADER, b"").decode().removesuffix(".v1").rpartition(".")[2]
            passing = Passing(topic, fact, json.loads(record.value), time.monotonic())
            self._on_passing(passing)
            async with self._changed:
                self._seen.append(passing)
                self._changed.notify_all()
