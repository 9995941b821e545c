"""A reader whose database was restored goes back to the position that the database knows, so that it reads again what came since."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError
from aiokafka.structs import OffsetAndMetadata

from chassis.database.sql import Database
from chassis.errors import MustStop
from chassis.kafka.partitions import partitions_of
from chassis.settings import ServiceSettings
from contracts.topic import Topic

_START_WITHIN_SECONDS = 20
# A worker that was killed stays a member until its session ends, 10 s after it was last heard of.
_MEMBERS_LEAVE_WITHIN_SECONDS = 30

_STORED = "select topic, partition, next_offset from reader_positions where reader = $1"


@dataclass(frozen=True, slots=True)
class Rewound:
    """How far a reader went back on a topic, without namespace."""

    topic: str
    records: int


async def rewind(settings: ServiceSettings, database: Database, reader: str, topics: Iterable[Topic]) -> list[Rewound]:
    """Commit, for each partition that is committed further than the database knows, the offset that the database knows.

    Raises:
        MustStop: when a worker of this reader still runs.
    """
    names = {settings.named(topic.name): topic.name for topic in topics}
    async with database.connection() as connection:
        stored = {(row["topic"], row["partition"]): row["next_offset"] for row in await connection.fetch(_STORED, reader)}
    partitions = [
        TopicPartition(name, number) for name, numbers in (await partitions_of(settings, list(names))).items() for number in numbers
    ]
    consumer = AIOKafkaConsumer(**settings.kafka(), group_id=settings.named(reader), enable_auto_commit=False)
    await asyncio.wait_for(consumer.start(), timeout=_START_WITHIN_SECONDS)
    try:
        back: dict[TopicPartition, int] = {}
        rewound: dict[str, int] = {}
        for tp in partitions:
            committed, known = await consumer.committed(tp), stored.get((names[tp.topic], tp.partition), 0)
            if committed is not None and committed > known:
                back[tp] = known
                rewound[names[tp.topic]] = rewound.get(names[tp.topic], 0) + committed - known
        if back:
            await _commit(consumer, back)
    finally:
        await consumer.stop()
    return [Rewound(topic, records) for topic, records in sorted(rewound.items())]


async def _commit(consumer: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
    consumer.assign(list(offsets))
    for _ in range(_MEMBERS_LEAVE_WITHIN_SECONDS):
        try:
            await consumer.commit({tp: OffsetAndMetadata(offset, "") for tp, offset in offsets.items()})
        except (CommitFailedError, IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError):
            # The broker takes offsets from outside only while the group has no members.
            await asyncio.sleep(1)
        else:
            return
    raise MustStop("a worker of this service still runs: stop all of its processes first")
