"""CloudEvents 1.0 in Kafka's binary content mode: attributes are headers `ce_*`, the body is the data.

The official SDK is the oracle in the tests. It is not used here because it builds an object with validators for every message, and
we read the attributes of thousands a second.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID

from contracts.event import SOURCE_PREFIX, SPEC_VERSION

CONTENT_TYPE = b"application/json"


@dataclass(frozen=True, slots=True)
class Attributes:
    """What the headers of a record say, as far as they can be read: a missing or unreadable one is None."""

    type: str | None
    id: UUID | None
    source: str | None
    subject: str | None
    time: datetime | None
    sequence: int | None
    traceparent: str | None

    def problem(self) -> str | None:
        """What is missing for an event of ours, or None when all is there."""
        for name in ("type", "id", "source", "time", "sequence"):
            if getattr(self, name) is None:
                return f"header ce_{name} is missing or cannot be read"
        return None


def headers_of(
    *, ce_type: str, event_id: UUID, owner: str, subject: str, time: datetime, version: int | None, traceparent: str | None
) -> list[tuple[str, bytes]]:
    """The headers of a record that carries an event of ours."""
    headers = [
        ("ce_specversion", SPEC_VERSION.encode()),
        ("ce_type", ce_type.encode()),
        ("ce_id", str(event_id).encode()),
        ("ce_source", f"{SOURCE_PREFIX}{owner}".encode()),
        ("ce_subject", subject.encode()),
        ("ce_time", time.isoformat().encode()),
        ("content-type", CONTENT_TYPE),
    ]
    if version is not None:
        headers.append(("ce_sequence", str(version).encode()))
    if traceparent is not None:
        headers.append(("traceparent", traceparent.encode()))
    return headers


# Headers are kept with what is parked and copied to Kafka again: what no sender of ours needs is not read, however much was sent.
_MOST_HEADERS = 64
_LONGEST_HEADER = 8_192


def readable(headers: Mapping[str, bytes | None] | Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """The headers that are text; the last of a name counts, what is not UTF-8, holds a NUL or is longer than 8 kB is left out."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    texts: dict[str, str] = {}
    for name, value in islice(pairs, _MOST_HEADERS):
        if value is None or len(value) > _LONGEST_HEADER or len(name) > _LONGEST_HEADER:
            continue
        try:
            text = value.decode()
        except UnicodeDecodeError:
            continue
        # PostgreSQL's text cannot hold a NUL.
        if "\x00" not in text and "\x00" not in name:
            texts[name.lower()] = text
    return texts


def attributes_of(headers: Mapping[str, str]) -> Attributes:
    """Read the attributes from readable headers; whatever breaks the format is None."""
    return Attributes(
        type=headers.get("ce_type"),
        id=_uuid(headers.get("ce_id")),
        source=headers.get("ce_source"),
        subject=headers.get("ce_subject"),
        time=_instant(headers.get("ce_time")),
        sequence=_number(headers.get("ce_sequence")),
        traceparent=headers.get("traceparent"),
    )


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def _instant(text: str | None) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return instant if instant is not None and instant.tzinfo is not None else None


# A version fits PostgreSQL's bigint; int() would also take signs, spaces and underscores.
_LARGEST_VERSION = 2**63 - 1
_MOST_DIGITS = 19


def _number(text: str | None) -> int | None:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > _MOST_DIGITS:
        return None
    number = int(text)
    return number if 0 < number <= _LARGEST_VERSION else None
