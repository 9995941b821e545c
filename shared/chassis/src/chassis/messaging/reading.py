"""What a reader gets from Kafka, and what it makes of it before it opens a transaction."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from pydantic import ValidationError

from chassis.database.sql import Transaction
from chassis.errors import Rejected
from chassis.kafka.record import Record
from contracts.event import Ended, Event
from contracts.topic import Topic

E_co = TypeVar("E_co", bound=Event, covariant=True)

# PostgreSQL's text cannot hold a NUL, and no text of ours has one: the escape, where its backslash is not itself escaped.
_HOLDS_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


@dataclass(frozen=True, slots=True)
class Received(Generic[E_co]):
    """An event that kept its contract, in the order of its key."""

    event: E_co
    key: str
    version: int
    topic: str
    partition: int
    offset: int
    recorded_at: datetime
    appended_at: datetime


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that breaks the contract of its topic, and why."""

    record: Record
    reason: str
    version: int | None
    """None when key, type or sequence cannot be read: then it blocks no key."""


Handler = Callable[[Transaction, Sequence[Received[Any]]], Awaitable[None]]
OnParked = Callable[[Transaction, Sequence[str], bool], Awaitable[None]]
Take = Callable[[Transaction, Sequence[Record]], Awaitable[Sequence[Rejected | None]]]


AT_ONCE_SECONDS = 0.002
SOON_SECONDS = 0.05
"""Where somebody waits for what comes of it, and would not notice."""
UNHURRIED_SECONDS = 0.25
"""Where nobody waits for it: a figure that was observed minutes ago, or one of the whole day."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a service does with the events of one topic.

    A handler gets a run of events of its type, in order, within the transaction of the batch; it has no effects outside of it. It
    raises `Rejected` when an event can never succeed, which parks that event. On compacted topics that of `Ended` hears which keys are gone.
    """

    topic: Topic
    handlers: Mapping[type[Event], Handler]
    on_parked: OnParked | None = None
    """Told which keys have an event parked (True) and which no longer (False), in the transaction that does it."""
    within_seconds: float = AT_ONCE_SECONDS
    """How long an event may wait for company: longer where nobody looks at once, for a batch costs the same however small."""


@dataclass(frozen=True, slots=True)
class Submissions:
    """What a service does with the records of a topic on which outsiders write: each is taken, or rejected alone.

    `take` gives one verdict a record, in their order; what it takes counts once by ids of its own, for a record may come again.
    """

    topic: Topic
    take: Take
    within_seconds: float = AT_ONCE_SECONDS


class HasTopic(Protocol):
    """A reading or submissions."""

    @property
    def topic(self) -> Topic: ...

    @property
    def within_seconds(self) -> float: ...


def parse(topic: Topic, record: Record) -> Received[Event] | Broken:
    """Hold a record to the contract of its topic."""
    attributes = record.attributes
    is_addressed = record.key is not None and attributes.sequence is not None
    event_type = Ended if topic.is_compacted and record.is_end else topic.event_type(attributes.type) if attributes.type else None
    version = attributes.sequence if is_addressed and event_type is not None else None

    if record.key is None:
        return Broken(record, "the key is missing, too long, not UTF-8 or holds a NUL", None)
    if (problem := attributes.problem()) is not None:
        return Broken(record, problem, version)
    if event_type is None:
        return Broken(record, "the topic carries no such ce_type", None)
    if _HOLDS_NUL.search(record.body):
        return Broken(record, "the body holds a NUL character", version)
    try:
        event = Ended(key=record.key) if event_type is Ended else event_type.parse(record.body)
    except ValidationError as error:
        return Broken(record, reason_of(error), version)
    assert attributes.sequence is not None
    assert attributes.time is not None
    return Received(
        event=event,
        key=record.key,
        version=attributes.sequence,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        recorded_at=attributes.time,
        appended_at=record.appended_at,
    )


def reason_of(error: ValidationError) -> str:
    """Why a body breaks its contract: places and kinds of fault, never what was sent."""
    # A misspelt field name is input too, so only names that the contract knows are shown: pydantic's own error types and messages
    # carry none of the input when inputs are hidden, and the locations of missing or wrong fields are the contract's names.
    faults = [
        f"{'/'.join(str(step) for step in fault['loc']) or 'body'}: {fault['type']}"
        for fault in error.errors(include_input=False, include_url=False)
    ]
    return "the body breaks the contract: " + "; ".join(faults[:10])
