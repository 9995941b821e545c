"""What is told of a trace, by OpenTelemetry's conventions for HTTP and for messaging; loaded only where traces are on (`chassis.observability.tracing`).

A span says which route, topic, partition and kind of event; never a path, a query, a key, a body or a message of an error: they hold ids
of patients and what was sent. The provider is not made the global one, so that no library adds spans of its own that would.
"""

import asyncio
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import Message

from chassis.observability.trace_context import Carrying, Set, current_traceparent, going_on, id_of

_LAST_SECONDS: Final = 2.0
_FAILED: Final = 500
_W3C: Final = TraceContextTextMapPropagator()


def exporting(process: str, instance: str) -> TracerProvider:
    """Sends spans to the collector that the environment names, from a thread of its own; what does not fit in its queue is dropped."""
    named = Resource({"service.name": process, "service.namespace": "schakel", "service.instance.id": instance})
    # Without the SDK's own end, which waits for a collector that is away as long as it takes.
    provider = TracerProvider(resource=Resource.create().merge(named).merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


@dataclass(frozen=True, slots=True)
class _Cause:
    """What a batch is done for: a record or a timer, and the trace that it comes from."""

    key: str | None
    came_from: Context
    span_context: SpanContext
    attributes: Mapping[str, str | int]

    @classmethod
    def of(cls, key: str | None, traceparent: str | None, attributes: Mapping[str, str | int]) -> Self | None:
        if traceparent is None:
            return None
        came_from = _context_of(traceparent)
        span_context = get_current_span(came_from).get_span_context()
        return cls(key, came_from, span_context, attributes) if span_context.is_valid else None


class Serving:
    """The answering of one request."""

    def __init__(self, span: Span) -> None:
        """It has begun."""
        self._span = span
        self.traceparent = _traceparent_of(span)

    def answered(self, method: str, route: str | None, message: Message) -> None:
        """The answer begins; one that streams for hours is not waited for."""
        status: int = message["status"]
        self._span.update_name(f"{method} {route}" if route else method)
        self._span.set_attributes({"http.request.method": method, "http.response.status_code": status})
        if route:
            self._span.set_attribute("http.route", route)
        if status >= _FAILED:
            _fail(self._span, str(status))
        if any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in message["headers"]):
            self.end()

    def end(self) -> None:
        """The answer is whole, or broken off."""
        if self._span.is_recording():
            self._span.end()


class Sending:
    """The sending of one event, until the broker's word on it."""

    def __init__(self, span: Span) -> None:
        """It has begun."""
        self._span = span
        self.traceparent = _traceparent_of(span)

    def ended(self, answer: "asyncio.Future[Any]") -> None:
        """For `add_done_callback` of what the producer gave."""
        error = None if answer.cancelled() else answer.exception()
        if answer.cancelled() or error is not None:
            _fail(self._span, "cancelled" if error is None else type(error).__name__)
        self._span.end()


class Spans:
    """Makes the spans of a process."""

    def __init__(self, provider: TracerProvider) -> None:
        """Take what samples and exports them."""
        self._provider = provider
        self._tracer = provider.get_tracer("schakel")

    def close(self) -> None:
        """Send what is left; a collector that is away is not waited for."""
        # Neither `force_flush` nor `shutdown` of the SDK keeps to a time of its own when the collector does not answer.
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(_LAST_SECONDS)

    def serving(self, traceparent: str | None) -> Serving:
        """A request has come, in this trace or in none."""
        came_from = _context_of(traceparent) if traceparent is not None else Context()
        # By its method and route, which are known when the answer begins; until then it has no better name.
        return Serving(self._tracer.start_span("request", came_from, SpanKind.SERVER))

    def sending(self, topic: str, ce_type: str, traceparent: str) -> Sending:
        """An event leaves the outbox, in the trace of what wrote it."""
        about = _about("send", topic) | {"cloudevents.event_type": ce_type}
        return Sending(self._tracer.start_span(f"send {topic}", _context_of(traceparent), SpanKind.PRODUCER, about))

    @contextmanager
    def processing(self, reader: str, topic: str, records: Iterable[Carrying]) -> Iterator[None]:
        """See `chassis.observability.tracing.processing`."""
        causes = [
            _Cause.of(
                record.key,
                record.headers.get("traceparent"),
                {"messaging.destination.partition.id": str(record.partition), "messaging.kafka.offset": record.offset},
            )
            for record in records
        ]
        about = _about("process", topic) | {"messaging.consumer.group.name": reader, "messaging.batch.message_count": len(causes)}
        with self._together(f"process {topic}", SpanKind.CONSUMER, about, causes):
            yield

    @contextmanager
    def firing(self, kind: str, timers: Sequence[Set]) -> Iterator[None]:
        """See `chassis.observability.tracing.firing`."""
        causes = [_Cause.of(id_of(timer.subject), timer.traceparent, {}) for timer in timers]
        with self._together(f"fire {kind}", SpanKind.INTERNAL, {}, causes):
            yield

    def streamed(self, stream: str, traceparent: str | None, readers: int) -> None:
        """A change was handed to so many open streams."""
        if traceparent is not None:
            about = _about("send", stream, system="sse") | {"schakel.readers": readers}
            self._tracer.start_span(f"send {stream}", _context_of(traceparent), SpanKind.PRODUCER, about).end()

    @contextmanager
    def _together(self, name: str, kind: SpanKind, about: Mapping[str, str | int], causes: Iterable[_Cause | None]) -> Iterator[None]:
        """A span a cause, each in its own trace, over the time in which they are done together.

        What comes of one key goes on in the trace of that key; what comes of all of them (one figure of many reports) in the trace of the
        first, which links to the others, as they link to it.
        """
        known = [cause for cause in causes if cause is not None]
        sampled = [cause for cause in known if cause.span_context.trace_flags.sampled]
        begun: list[Span] = []
        # What nobody follows is passed on as such.
        traceparents: dict[str, str | None] = {cause.key: _written(cause.span_context) for cause in known if cause.key is not None}
        leading = _written(known[0].span_context) if known else None
        for cause in sampled:
            linked = [begun[0].get_span_context()] if begun else [other.span_context for other in sampled[1:]]
            span = self._tracer.start_span(
                name, cause.came_from, kind, {**about, **cause.attributes}, [Link(context) for context in linked]
            )
            if not begun:
                leading = _traceparent_of(span)
            if cause.key is not None:
                traceparents[cause.key] = _traceparent_of(span)
            begun.append(span)
        token = current_traceparent.set(leading)
        try:
            with going_on(traceparents):
                yield
        except BaseException as error:
            for span in begun:
                _fail(span, type(error).__name__)
            raise
        finally:
            current_traceparent.reset(token)
            for span in begun:
                span.end()


def _about(operation: str, destination: str, *, system: str = "kafka") -> dict[str, str | int]:
    return {
        "messaging.system": system,
        "messaging.operation.type": operation,
        "messaging.operation.name": operation,
        "messaging.destination.name": destination,
    }


def _fail(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR))


def _context_of(traceparent: str) -> Context:
    # An empty context to begin with: what is current in OpenTelemetry's sense is nobody's business here.
    return _W3C.extract({"traceparent": traceparent}, Context())


def _traceparent_of(span: Span) -> str:
    return _written(span.get_span_context())


def _written(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
