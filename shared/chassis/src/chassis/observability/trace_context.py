"""The W3C trace context of what is being done now, so that one request can be followed through outbox and Kafka to those who watch."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Protocol

current_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)

_of_keys: ContextVar[Mapping[str, str | None]] = ContextVar("traceparents of keys", default=MappingProxyType({}))


def traceparent_of(key: str) -> str | None:
    """In which trace an event of this key goes on: that of what is done for this key, else that of all that is done now."""
    return _of_keys.get().get(key) or current_traceparent.get()


@contextmanager
def going_on(traceparents: Mapping[str, str | None]) -> Iterator[None]:
    """What is done for these keys goes on in these traces: for transactions that serve several requests at once."""
    token = _of_keys.set(traceparents)
    try:
        yield
    finally:
        _of_keys.reset(token)


class Carrying(Protocol):
    """A record that may say in which trace it was sent."""

    @property
    def key(self) -> str | None: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...


def id_of(subject: str) -> str:
    """Whom a timer is about: what stands behind the slash only makes it one of its own."""
    return subject.partition("/")[0]


class Set(Protocol):
    """A timer, and in which trace it was set."""

    @property
    def subject(self) -> str: ...
    @property
    def traceparent(self) -> str | None: ...
