"""What placement counts beside what the chassis counts for every service."""

from prometheus_client import Counter, Gauge

AUDIT_DIFFERENCES = Gauge(
    "schakel_placement_audit_differences",
    "What the audit found, by kind; anything but 0 is a fault.",
    ["kind"],
)
WEBHOOKS_NOT_DELIVERED = Counter(
    "schakel_placement_webhooks_not_delivered",
    "What organisations should have been told at their webhook and were not in time.",
)
