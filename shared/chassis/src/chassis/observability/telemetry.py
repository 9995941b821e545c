"""What is counted, once for all processes of a service; every process shows its own at `/metrics`."""

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest, start_http_server

# From a millisecond to the statement timeout and beyond; finer where a nurse still calls it immediate.
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10)

LONG_SECONDS = (*_SECONDS[3:], 30, 60, 300)
"""From what nobody notices to what everybody phones about."""

http_requests = Counter("schakel_http_requests", "Requests answered.", ["service", "method", "route", "status"])
http_seconds = Histogram(
    "schakel_http_request_seconds", "From request to first byte of the answer.", ["service", "method", "route"], buckets=_SECONDS
)
# There from the start at 0, unlike the count by status, whose first failure Prometheus would take for "always so".
http_failed = Counter("schakel_http_failed", "Requests answered with 5xx, the checks of health apart.", ["service", "kind"])
sse_readers = Gauge("schakel_sse_readers", "Open event streams.")
sse_cut = Counter("schakel_sse_cut", "Readers whose stream was broken off because they took nothing any more.")
sse_skipped = Counter("schakel_sse_skipped", "Values a slow reader never saw, because a newer one of the same key replaced them.")

live_age_seconds = Gauge("schakel_live_age_seconds", "How long ago a live list was read, while somebody watches it.", ["list"])

database_unavailable = Counter(
    "schakel_database_unavailable", "Times the database could not be reached, was full or gave up.", ["application"]
)

# What the service's own database says, read by its API when Prometheus asks (chassis.standing.metrics): true whichever worker lives, and also
# when none does.
database_up = Gauge("schakel_database_up", "1 when the service's own database answered the last question, 0 when it did not.", ["service"])
outbox_unsent = Gauge("schakel_outbox_unsent", "Rows of the outbox that are not on Kafka yet.", ["service"])
outbox_oldest_seconds = Gauge("schakel_outbox_oldest_seconds", "Age of the oldest row that is not on Kafka yet.", ["service"])
relay_stuck_keys = Gauge("schakel_relay_stuck_keys", "Keys stopped by a row that can never be sent.", ["service"])
relay_fenced = Gauge(
    "schakel_relay_fenced", "Times the broker has refused a relay because another had taken over, since the database began.", ["service"]
)
reader_silent_seconds = Gauge(
    "schakel_reader_silent_seconds", "Since the last sign of life on the partition that is silent longest.", ["service", "reader", "topic"]
)
parked_now = Gauge("schakel_parked_now", "Events that are parked and neither replayed nor discarded.", ["service"])
fuse_blown = Gauge("schakel_fuse_blown", "1 while the workers refuse to start because so much was parked.", ["service"])
timers_late_seconds = Gauge("schakel_timers_late_seconds", "How late the oldest timer is that is due.", ["service", "kind"])

relay_sent = Counter("schakel_relay_sent", "Records acknowledged by the broker.", ["service"])
relay_send_seconds = Histogram(
    "schakel_relay_send_seconds", "From handing records to the broker until all are acknowledged.", ["service"], buckets=_SECONDS
)

# Said by each worker, as its own client sees them (chassis.kafka.brokers).
kafka_brokers = Gauge("schakel_kafka_brokers", "Brokers that there are; 0 while none answers.")
kafka_underreplicated = Gauge("schakel_kafka_underreplicated_partitions", "Partitions of which a copy is away or behind.")
kafka_leaderless = Gauge("schakel_kafka_leaderless_partitions", "Partitions that nobody can write or read now.")

# Said by each worker of the partitions that are its own.
reader_behind_records = Gauge("schakel_reader_behind_records", "Records that wait to be read.", ["reader", "topic"])
reader_behind_seconds = Gauge("schakel_reader_behind_seconds", "How old the oldest record is that waits to be read.", ["reader", "topic"])

delivered = Counter("schakel_delivered", "Events applied.", ["reader", "topic"])
skipped = Counter("schakel_skipped", "Events that had been applied before.", ["reader", "topic"])
parked = Counter("schakel_parked", "Events parked because they break the contract.", ["reader", "topic"])
rejected = Counter("schakel_rejected", "Reports refused because they break a rule.", ["reader", "topic"])
delivery_batch_seconds = Histogram(
    "schakel_delivery_batch_seconds", "One batch, from its first record to its commit.", ["reader", "topic"], buckets=_SECONDS
)
delivery_age_seconds = Histogram(
    "schakel_delivery_age_seconds",
    "How long the oldest record of a batch had been on Kafka when it was committed.",
    ["reader", "topic"],
    buckets=LONG_SECONDS,
)
delivery_batch_records = Histogram(
    "schakel_delivery_batch_records", "Records in a batch.", ["reader", "topic"], buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500)
)
timers_waiting_for_clocks = Gauge("schakel_timers_waiting_for_clocks", "1 while the database's clock cannot be trusted.", ["service"])
timers_fired = Counter("schakel_timers_fired", "Timers that came due and were acted upon.", ["service", "kind"])


def exposition() -> tuple[bytes, str]:
    """All figures in Prometheus' text format, and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST


def serve_metrics(host: str, port: int) -> None:
    """Show the figures of a process without an API; they tell no secrets, but only who keeps watch should reach them."""
    start_http_server(port, addr=host)
