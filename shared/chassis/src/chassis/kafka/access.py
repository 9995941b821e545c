"""Who may do what on a guarded Kafka, made from the registry of topics; what no right allows is refused."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from contracts.registry import SERVICES, TOPICS
from contracts.topic import Topic

ADMIN = "admin"
"""The user of the job that makes the topics: of the whole cluster, not of a namespace. Its rights stand in the settings of the brokers."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One thing that a user may do with one resource. READ and WRITE include looking at what it is (DESCRIBE), and nothing else does."""

    user: str
    operation: Literal["READ", "WRITE"]
    kind: Literal["TOPIC", "GROUP", "TRANSACTIONAL_ID"]
    name: str

    def __str__(self) -> str:
        """In the words of an operator."""
        return f"{self.user} may {self.operation} {self.kind} {self.name}"


def users(topics: Iterable[Topic] = TOPICS) -> frozenset[str]:
    """Everyone who writes or reads a topic of the registry: the services, and the outsiders."""
    return frozenset(user for topic in topics for user in (topic.writer, *topic.readers))


def rights(named: Callable[[str], str] = str, topics: Iterable[Topic] = TOPICS) -> frozenset[Right]:
    """All rights that there are.

    Args:
        named: puts a name into the namespace of this system. Its users are in there too: one broker may serve several systems.
        topics: the registry.
    """
    found: set[Right] = set()
    for topic in topics:
        found.add(Right(named(topic.writer), "WRITE", "TOPIC", named(topic.name)))
        # A service whose database was restored looks up in its own topics what it has told already.
        who_reads = {*topic.readers, topic.writer} if topic.writer in SERVICES else {*topic.readers}
        for reader in who_reads:
            found.add(Right(named(reader), "READ", "TOPIC", named(topic.name)))
        for reader in topic.readers:
            # A reader's group has its name.
            found.add(Right(named(reader), "READ", "GROUP", named(reader)))
        if topic.writer in SERVICES:
            # By this its relay fences off an earlier one.
            found.add(Right(named(topic.writer), "WRITE", "TRANSACTIONAL_ID", named(transactional_id(topic.writer))))
    return frozenset(found)


def transactional_id(service: str) -> str:
    """By which the broker knows the relays of a service, without namespace."""
    return f"{service}.relay"
