"""A collector of traces, as an operator has one: what the processes export comes in over OTLP."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    """A span as it was exported, with the process that made it."""

    process: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, str]


@dataclass
class Collector:
    """Keeps what it is sent."""

    endpoint: str = ""
    sent: list[bytes] = field(default_factory=list)

    def spans(self) -> list[Span]:
        """All so far."""
        return [span for body in list(self.sent) for span in _spans_in(body)]

    def path_to(self, name: str, trace_id: str, *, ce_type: str = "") -> list[str]:
        """From the caller's span to one of this name in this trace, by parents; as far as they have been exported."""
        spans = [span for span in self.spans() if span.trace_id == trace_id]
        by_id = {span.span_id: span for span in spans}
        current = next((span for span in spans if span.name == name and span.attributes.get("cloudevents.event_type", "") == ce_type), None)
        path: list[str] = []
        while current is not None:
            above = by_id.get(current.parent_id)
            path[:0] = [*([] if above is not None else [current.parent_id]), f"{current.process}: {current.name}"]
            current = above
        return path


@contextmanager
def collecting() -> Iterator[Collector]:
    """One that listens while the block lasts."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.sent.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _spans_in(body: bytes) -> Iterator[Span]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        process = next(each.value.string_value for each in resource.resource.attributes if each.key == "service.name")
        for scope in resource.scope_spans:
            for span in scope.spans:
                attributes = {each.key: each.value.string_value for each in span.attributes}
                yield Span(process, span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(), attributes)
