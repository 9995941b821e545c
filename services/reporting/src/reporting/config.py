"""Settings of reporting, from the environment."""

from pydantic import Field

from chassis.settings import ServiceSettings


class ReportingSettings(ServiceSettings):
    """What reporting needs to know beside where it runs."""

    feed_rest_seconds: float = Field(
        default=1.0, ge=0, title="Feed rest", description="A day of the LCPS feed is said anew at most so often; the first change at once."
    )
    recount_every_seconds: float = Field(
        default=60.0, gt=0, title="Recount", description="How often the figures are compared with a recount of their units."
    )
