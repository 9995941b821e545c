"""A record as it lies on Kafka."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chassis.database.sql import LONGEST_KEY
from chassis.kafka.cloudevents import Attributes, attributes_of, readable
from contracts.event import Ended
from contracts.topic import Topic

TOPIC_ID_HEADER = "topic_id"
"""Carried by the first record of each partition, and by nothing else: it says which topic this is, not what happened."""

# Records older than the retention are gone, the first one with them: then the id cannot be read any more.
AGED_OUT = "aged-out"

_NO_TIME = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it lies on Kafka; key and headers as far as they are text."""

    topic: str
    partition: int
    offset: int
    appended_at: datetime
    key: str | None
    headers: Mapping[str, str]
    body: bytes
    is_tombstone: bool = False

    @property
    def attributes(self) -> Attributes:
        return attributes_of(self.headers)

    @property
    def is_topic_id(self) -> bool:
        return TOPIC_ID_HEADER in self.headers

    @property
    def is_end(self) -> bool:
        """Whether its owner says that the key is gone for good; any other tombstone is nobody's word."""
        if not self.is_tombstone or self.key is None:
            return False
        attributes = self.attributes
        return attributes.type == Ended.ce_type and attributes.problem() is None

    @classmethod
    def of_message(cls, topic: Topic, message: Any, *, ticks_per_second: int = 1) -> "Record":
        """From Faust's message, or from one of aiokafka's own, which says its time in milliseconds; the topic without namespace."""
        return cls(
            topic=topic.name,
            partition=message.partition,
            offset=message.offset,
            appended_at=_instant(message.timestamp / ticks_per_second),
            key=_text(message.key),
            headers=readable(message.headers or ()),
            body=message.value or b"",
            is_tombstone=message.value is None,
        )


def _text(raw: bytes | None) -> str | None:
    try:
        text = raw.decode() if raw and len(raw) <= LONGEST_KEY else None
    except UnicodeDecodeError:
        return None
    return None if text is None or "\x00" in text else text


def _instant(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        # Where the sender sets the time it may set one that no calendar has.
        return _NO_TIME
