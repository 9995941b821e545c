"""What placement counts beside what the chassis counts for every service."""

from prometheus_client import Counter, Gauge

from placement.domain.states import OfferStatus

OFFERS = Counter(
    "schakel_placement_offers", "Offers by what they became; what a transaction wrote that was undone is counted too.", ["became"]
)
for _status in OfferStatus:
    # There from the start at 0, or the first of its kind would not show as an increase.
    OFFERS.labels(_status)
HOLDS_DUE = Gauge("schakel_placement_holds_due", "Holds, and questions whether there is room, that are past their end and have not ended.")
HOLDS_DUE_SECONDS = Gauge("schakel_placement_holds_due_seconds", "How long the oldest of them is past its end.")
PATIENTS_LATE = Counter("schakel_placement_patients_late", "Patients on the way who had not arrived when their hold would have ended.")
AUDIT_DIFFERENCES = Gauge(
    "schakel_placement_audit_differences",
    "What the audit found, by kind; anything but 0 is a fault.",
    ["kind"],
)
WEBHOOKS_NOT_DELIVERED = Counter(
    "schakel_placement_webhooks_not_delivered",
    "What organisations should have been told at their webhook and were not in time.",
)
