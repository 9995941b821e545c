"""What placement counts beside what the chassis counts for every service."""

from prometheus_client import Gauge

AUDIT_DIFFERENCES = Gauge(
    "schakel_placement_audit_differences",
    "What the audit found, by kind; anything but 0 is a fault.",
    ["kind"],
)
