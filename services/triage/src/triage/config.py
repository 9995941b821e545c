"""Settings of triage, from the environment."""

from datetime import timedelta

from pydantic import Field

from chassis.settings import ServiceSettings


class TriageSettings(ServiceSettings):
    """What triage needs to know beside where it runs."""

    second_contact_hours: float = Field(
        default=24, gt=0, title="Second contact", description="Hours within which another contact about the same person is an alarm signal."
    )
    placement_silence_seconds: float = Field(
        default=60,
        gt=0,
        title="Silence of placement",
        description="Seconds without its heartbeat after which no provider is shown who a patient is: a release may have gone unheard.",
    )

    @property
    def second_contact_within(self) -> timedelta:
        """As the use cases want it."""
        return timedelta(hours=self.second_contact_hours)

    @property
    def silence_limit(self) -> timedelta:
        """As the use cases want it."""
        return timedelta(seconds=self.placement_silence_seconds)
