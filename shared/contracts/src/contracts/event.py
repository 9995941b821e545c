"""The envelope: CloudEvents 1.0 in Kafka's binary mode, with JSON bodies."""

from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict

SPEC_VERSION = "1.0"
TYPE_PREFIX = "nl.zorgcoordinatie."
SOURCE_PREFIX = "urn:nl:zorgcoordinatie:"

# A version is a generation and a number in one integer, so that a service that was restored or rebuilt goes on above all
# that it ever published, and a reader sees from the number alone that a gap is a new beginning and not a loss.
GENERATION_BITS = 40
FIRST_GENERATION = 1
FIRST_VERSION = (FIRST_GENERATION << GENERATION_BITS) + 1


def generation_of(version: int) -> int:
    """The generation in which the owner published this version."""
    return version >> GENERATION_BITS


class Event(BaseModel):
    """A fact that one service tells the others.

    Readers ignore fields they do not know, so that an owner may add optional ones within a version. Values are never shown in
    errors: a broken event may carry what must not be read in a log.
    """

    # JSON has no infinity and no NaN: written as null they would come back as something else, so an owner cannot state them.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, allow_inf_nan=False)

    ce_type: ClassVar[str]
    """`nl.zorgcoordinatie.<owner>.<fact>.v<N>`, the CloudEvents type."""

    @property
    def subject(self) -> str:
        """The id of the aggregate this is about; the CloudEvents subject."""
        raise NotImplementedError

    def body(self) -> bytes:
        """The JSON that goes onto Kafka."""
        return self.model_dump_json().encode()

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read a body back.

        Raises:
            pydantic.ValidationError: when it breaks the contract; its text never contains the input.
        """
        return cls.model_validate_json(body)


class Ended(Event):
    """What a tombstone with a version says: the key is gone for good. Its owner sends it on compacted topics only."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.schakel.ended.v1"

    key: str

    @property
    def subject(self) -> str:
        return self.key
