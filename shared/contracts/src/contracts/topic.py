"""What a topic is: declared once, as data, by its owner."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from contracts.event import Event


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of the registry: who writes it, who reads it, what it carries and how long it is kept."""

    name: str
    """`<owner>.<plural>.v<N>`, without the namespace of a deployment."""
    owner: str
    readers: tuple[str, ...]
    events: tuple[type[Event], ...]
    key: str
    """The name of what the record's key holds, for people; events with one key stay in order."""
    description: str
    retention: timedelta | None = None
    """How long records are kept; None on compacted topics, which keep the last of every key."""
    append_time: bool = False
    """The broker's clock stamps the records (`LogAppendTime`): for topics on which outsiders write."""
    versioned: bool = True
    """Records carry `ce_sequence` without gaps per key; not so where outsiders write."""
    partitions: int = 12
    """How many a deployment of one country has, which is also the most workers that share the work; never changed afterwards."""

    @property
    def is_compacted(self) -> bool:
        return self.retention is None

    @property
    def writer(self) -> str:
        """Who sends to this topic: its owner, or the providers where outsiders write."""
        return self.owner if self.versioned else "provider"

    def event_type(self, ce_type: str) -> type[Event] | None:
        """The class of this CloudEvents type on this topic, or None when the topic does not carry it."""
        return _by_ce_type(self.events).get(ce_type)


@cache
def _by_ce_type(events: tuple[type[Event], ...]) -> Mapping[str, type[Event]]:
    # Asked for every record that anybody reads.
    return {event.ce_type: event for event in events}
