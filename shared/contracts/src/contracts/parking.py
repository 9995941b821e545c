"""What a reader could not process: kept for people, with its reason."""

from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import Field

from contracts.event import Event
from contracts.topic import Topic


class RecordSetAsideV1(Event):
    """A copy of a record that was rejected (a report broke a rule) or parked (an event broke its contract)."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.schakel.record-set-aside.v1"

    reader: str
    kind: Literal["rejected", "parked"]
    reason: str = Field(description="Why, in words that never repeat the input.")
    topic: str
    partition: int
    offset: int
    key: str | None
    ce_type_sent: str | None
    ce_id_sent: str | None
    ce_sequence_sent: int | None
    size: int = Field(description="Bytes of the body.")
    sha256: str
    body_base64: str = Field(description="The body, or its first 64 KiB.")
    is_whole: bool

    @property
    def subject(self) -> str:
        return self.key or f"{self.topic}/{self.partition}"


def parked_topic(reader: str) -> Topic:
    """The topic where this reader's rejected and parked records go."""
    return Topic(
        name=f"{reader}.parked.v1",
        owner=reader,
        readers=("ops",),
        events=(RecordSetAsideV1,),
        key="original key",
        description=f"What {reader} could not process, and why.",
        retention=timedelta(days=30),
    )
