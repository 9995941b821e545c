"""What reporting counts beside what the chassis counts for every service."""

from prometheus_client import Counter, Gauge

RECOUNT_DIFFERENCES = Gauge(
    "schakel_reporting_recount_differences", "Figures that differ from a recount of their units; anything but 0 is a fault."
)
FIGURES_PUBLISHED = Counter("schakel_reporting_figures_published", "Figures taken off the list of touched ones.")
FEED_STATEMENTS = Counter("schakel_reporting_feed_statements", "Days of the LCPS feed that were said anew.")
CONTRIBUTIONS_EXPIRED = Counter("schakel_reporting_expiry_rounds", "Rounds in which figures too old to trust were looked for.")
