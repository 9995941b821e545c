"""What lies on Kafka, read by a plain consumer: records, ends and committed offsets."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

START_LIMIT_SECONDS = 20
FIRST_VERSION = 2**40 + 1
_GENERATION_BITS = 40


@dataclass(frozen=True)
class Seen:
    """A record, as whoever reads the topic sees it."""

    partition: int
    offset: int
    key: str
    headers: dict[str, str]
    body: bytes

    @property
    def sequence(self) -> int:
        return int(self.headers["ce_sequence"])

    @property
    def id(self) -> str:
        return self.headers["ce_id"]

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class KafkaLog:
    """The topics of one namespace."""

    def __init__(self, bootstrap_servers: str, namespace: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._namespace = namespace
        self._consumer: AIOKafkaConsumer | None = None
        self._admin: AIOKafkaAdminClient | None = None

    def named(self, name: str) -> str:
        return f"{self._namespace}.{name}"

    async def open(self) -> None:
        self._consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap_servers, fetch_max_wait_ms=50)
        self._admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap_servers)
        await asyncio.wait_for(asyncio.gather(self._consumer.start(), self._admin.start()), START_LIMIT_SECONDS)

    async def close(self) -> None:
        if self._consumer is not None:
            await self._consumer.stop()
        if self._admin is not None:
            await self._admin.close()

    async def partitions(self, topics: Iterable[str]) -> list[TopicPartition]:
        assert self._admin is not None
        described = await self._admin.describe_topics([self.named(topic) for topic in topics])
        return [TopicPartition(topic["topic"], partition["partition"]) for topic in described for partition in topic["partitions"]]

    async def ends(self, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        """The end of every partition, by topic (without namespace) and partition."""
        assert self._consumer is not None
        ends = await self._consumer.end_offsets(await self.partitions(topics))
        return {(tp.topic.removeprefix(self.named("")), tp.partition): end for tp, end in ends.items()}

    async def committed(self, group: str) -> dict[tuple[str, int], int]:
        """What a consumer group has committed."""
        assert self._admin is not None
        offsets = await self._admin.list_consumer_group_offsets(self.named(group))
        return {(tp.topic.removeprefix(self.named("")), tp.partition): found.offset for tp, found in offsets.items() if found.offset >= 0}

    async def group_state(self, group: str) -> tuple[str, int]:
        """The state of a consumer group, and how many members it has."""
        assert self._admin is not None
        [answer] = await self._admin.describe_consumer_groups([self.named(group)])
        _, _, state, _, _, members, *_ = answer.groups[0]
        return state, len(members)

    async def records(self, topic: str) -> list[Seen]:
        """All records of a topic up to its present end, in the order of their partitions, without the topic's own id."""
        assert self._consumer is not None
        partitions = await self.partitions([topic])
        ends = await self._consumer.end_offsets(partitions)
        self._consumer.assign(partitions)
        await self._consumer.seek_to_beginning(*partitions)
        found: list[Seen] = []
        async with asyncio.timeout(30):
            while any([ends[tp] > await self._consumer.position(tp) for tp in partitions]):
                for messages in (await self._consumer.getmany(timeout_ms=200)).values():
                    found += [_seen(message) for message in messages if "topic_id" not in dict(message.headers)]
        return sorted(found, key=lambda seen: (seen.partition, seen.offset))


def _seen(message: Any) -> Seen:
    headers = {name: value.decode(errors="replace") for name, value in message.headers}
    return Seen(message.partition, message.offset, (message.key or b"").decode(errors="replace"), headers, message.value or b"")


def faults_in_order(records: Sequence[Seen]) -> list[str]:
    """What is wrong with the versions of an owner's topic: gaps, doubles, overtaking.

    After a restore its owner counts on from one, in a higher generation.

    A record that was sent twice as it was is allowed, since readers skip it; two events under one version, one event under two, a
    version that is missing, a first appearance out of turn, or an old version as the last word of a key are not.
    """
    by_key: dict[str, list[Seen]] = defaultdict(list)
    for record in records:
        by_key[record.key].append(record)
    faults = []
    for key, of_key in by_key.items():
        firsts = list(dict.fromkeys((record.sequence, record.id) for record in of_key))
        versions = [(sequence >> _GENERATION_BITS, sequence % (1 << _GENERATION_BITS)) for sequence, _ in firsts]
        generations = sorted(Counter(generation for generation, _ in versions).items())
        if versions != [(generation, nth) for generation, many in generations for nth in range(1, many + 1)]:
            faults.append(f"{key}: versions {versions}")
        if len({event_id for _, event_id in firsts}) != len(firsts):
            faults.append(f"{key}: one event under two versions")
        if of_key[-1].sequence != max(record.sequence for record in of_key):
            faults.append(f"{key}: its last record is an old version")
    return faults


def last_of_each_key(records: Iterable[Seen]) -> dict[str, Seen]:
    return {record.key: record for record in records}


def sent_twice(records: Iterable[Seen]) -> int:
    """How many records are there again, as they were."""
    seen = [record.id for record in records]
    return len(seen) - len(set(seen))
