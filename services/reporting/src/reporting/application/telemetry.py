"""What reporting counts beside what the chassis counts for every service."""

from prometheus_client import Counter, Gauge

RECOUNT_DIFFERENCES = Gauge(
    "schakel_reporting_recount_differences", "Figures that differ from a recount of their units; anything but 0 is a fault."
)
FIGURES_PUBLISHED = Counter("schakel_reporting_figures_published", "Figures that went out.")
FEED_STATEMENTS = Counter("schakel_reporting_feed_statements", "Days of the LCPS feed that were said anew.")
