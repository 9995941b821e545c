"""How far a client has been told: the `id` of the stream and of the snapshot."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Position:
    """The topic's own id, and for each partition the offset up to which (not including) everything has been sent.

    It says nothing about a process, so that a client goes on at any of them.
    """

    topic_id: str
    offsets: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.topic_id}:{','.join(map(str, self.offsets))}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read an id that a client sends back; None when it is none of ours."""
        topic_id, colon, offsets = text.rpartition(":")
        parts = offsets.split(",")
        if not colon or not topic_id or not all(part.isascii() and part.isdigit() and len(part) < _MOST_DIGITS for part in parts):
            return None
        return cls(topic_id, tuple(int(part) for part in parts))

    def is_of(self, other: "Position") -> bool:
        """Whether both speak of the same topic, so that one can be gone on from at the other."""
        return self.topic_id == other.topic_id and len(self.offsets) == len(other.offsets)

    def precedes(self, partition: int, offset: int) -> bool:
        """Whether a record lies beyond this position."""
        return offset >= self.offsets[partition]


# Offsets are 64-bit numbers; anything longer is not one, and must not cost us its conversion.
_MOST_DIGITS = 20
