"""What reporting counts beside what the chassis counts for every service."""

from prometheus_client import Counter, Gauge, Histogram

from chassis.observability.telemetry import LONG_SECONDS

BOARD_SECONDS = Histogram(
    "schakel_reporting_board_seconds",
    "From when the oldest fact behind a figure was recorded by its owner until the figure was published.",
    buckets=LONG_SECONDS,
)
PICTURE_SECONDS = Histogram(
    "schakel_reporting_picture_seconds", "From when a figure was published until this process could show it.", buckets=LONG_SECONDS
)
PICTURE_SILENT_SECONDS = Gauge(
    "schakel_reporting_picture_silent_seconds",
    "Since the last sign of life of the national topic, on the partition that is silent longest: how old the picture may be.",
)
RECOUNT_DIFFERENCES = Gauge(
    "schakel_reporting_recount_differences", "Figures that differ from a recount of their units; anything but 0 is a fault."
)
RECOUNT_AGE_SECONDS = Gauge("schakel_reporting_recount_age_seconds", "Since the figures were last recounted.")
FIGURES_PUBLISHED = Counter("schakel_reporting_figures_published", "Figures that went out.")
FEED_STATEMENTS = Counter("schakel_reporting_feed_statements", "Days of the LCPS feed that were said anew.")
