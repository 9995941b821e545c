"""The W3C trace context of what is being done now, so that a line in a log leads from a request to all that it set off."""

from contextvars import ContextVar

current_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
