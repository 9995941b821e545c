"""What is counted, once for all processes of a service; every process shows its own at `/metrics`."""

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest, start_http_server

# From a millisecond to the statement timeout and beyond; finer where a nurse still calls it immediate.
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10)

http_requests = Counter("schakel_http_requests", "Requests answered.", ["service", "method", "route", "status"])
http_seconds = Histogram(
    "schakel_http_request_seconds", "From request to first byte of the answer.", ["service", "method", "route"], buckets=_SECONDS
)
sse_readers = Gauge("schakel_sse_readers", "Open event streams.")
sse_cut = Counter("schakel_sse_cut", "Readers whose stream was broken off because they took nothing any more.")
sse_skipped = Counter("schakel_sse_skipped", "Values a slow reader never saw, because a newer one of the same key replaced them.")

outbox_unsent = Gauge("schakel_outbox_unsent", "Rows of the outbox that are not on Kafka yet.", ["service"])
outbox_oldest_seconds = Gauge("schakel_outbox_oldest_seconds", "Age of the oldest row that is not on Kafka yet.", ["service"])
relay_sent = Counter("schakel_relay_sent", "Records acknowledged by the broker.", ["service"])
relay_fenced = Counter("schakel_relay_fenced", "Times the broker refused this relay because another had taken over.", ["service"])
relay_stuck_keys = Gauge("schakel_relay_stuck_keys", "Keys stopped by a row that can never be sent.", ["service"])

delivered = Counter("schakel_delivered", "Events applied.", ["reader", "topic"])
skipped = Counter("schakel_skipped", "Events that had been applied before.", ["reader", "topic"])
parked = Counter("schakel_parked", "Events parked because they break the contract.", ["reader", "topic"])
rejected = Counter("schakel_rejected", "Reports refused because they break a rule.", ["reader", "topic"])
delivery_batch_seconds = Histogram(
    "schakel_delivery_batch_seconds", "One batch, from its first record to its commit.", ["reader", "topic"], buckets=_SECONDS
)
delivery_batch_records = Histogram(
    "schakel_delivery_batch_records", "Records in a batch.", ["reader", "topic"], buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500)
)
timers_waiting_for_clocks = Gauge("schakel_timers_waiting_for_clocks", "1 while the database's clock cannot be trusted.", ["service"])
timers_fired = Counter("schakel_timers_fired", "Timers that came due and were acted upon.", ["service", "kind"])


def exposition() -> tuple[bytes, str]:
    """All figures in Prometheus' text format, and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST


def serve_metrics(port: int) -> None:
    """Show the figures of a process without an API, on the loopback address only."""
    start_http_server(port, addr="127.0.0.1")
