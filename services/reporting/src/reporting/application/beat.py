"""A heartbeat on every partition of the national stream: a quiet country is not a dead stream."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chassis.sql import Database
from contracts.reporting import NATIONAL, HeartbeatV1

EVERY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Beat:
    """Writes one heartbeat a partition through the outbox, so that it proves the whole way: database, relay and broker."""

    database: Database
    partitions: int
    clock: Callable[[], datetime]

    async def __call__(self) -> None:
        async with self.database.begin() as tx:
            for partition in range(self.partitions):
                heartbeat = HeartbeatV1(partition=partition, at=self.clock())
                # The key alone would not bring it to its partition.
                tx.publish(NATIONAL, heartbeat, key=heartbeat.subject, partition=partition)
