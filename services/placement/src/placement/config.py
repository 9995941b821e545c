"""Settings of placement, from the environment."""

from collections.abc import Mapping
from datetime import timedelta

from pydantic import Field

from chassis.settings import ServiceSettings
from contracts.codes import Urgency
from placement.domain.policy import Policy

_DEFAULT = Policy()


def _minutes(durations: Mapping[Urgency, timedelta]) -> dict[Urgency, float]:
    return {urgency: duration.total_seconds() / 60 for urgency, duration in durations.items()}


class PlacementSettings(ServiceSettings):
    """What placement needs to know beside where it runs."""

    answer_minutes_by_urgency: dict[Urgency, float] = Field(
        default=_minutes(_DEFAULT.answer_within),
        title="Answer deadline",
        description="Minutes that a provider has to answer, by urgency, as JSON; the hold ends with it.",
    )
    unattended_minutes_by_urgency: dict[Urgency, float] = Field(
        default=_minutes(_DEFAULT.unattended_after),
        title="Unattended",
        description="Minutes after which the first candidate is asked by itself when nobody acts, by urgency, as JSON.",
    )
    held_minutes_after_place_by: float = Field(
        default=_DEFAULT.held_after_place_by.total_seconds() / 60,
        gt=0,
        title="Held after acceptance",
        description="Minutes after the time by which a place is needed for which an accepted hold stays.",
    )
    warned_minutes_before_end: float = Field(
        default=_DEFAULT.warned_before_end.total_seconds() / 60,
        ge=0,
        title="Warning",
        description="Minutes before the end of an accepted hold at which it is shown.",
    )
    asked_per_region: int = Field(
        default=_DEFAULT.asked_per_region,
        ge=1,
        title="Rounds per region",
        description="How many candidates the automatic search asks in a region before it looks in the next.",
    )
    overcommitted_seconds: float = Field(
        default=_DEFAULT.overcommitted_for.total_seconds(),
        ge=0,
        title="Over-commitment",
        description="Seconds for which more may be held than is free before open offers are withdrawn.",
    )
    clock_tolerance_seconds: float = Field(
        default=_DEFAULT.clock_tolerance.total_seconds(),
        ge=0,
        title="Clock tolerance",
        description="Seconds by which clocks may differ: a report contains an admission only when it was observed so much later.",
    )
    audit_every_seconds: float = Field(
        default=60.0, gt=0, title="Audit", description="How often the counters of held places are compared with a count of the holds."
    )

    webhook_allow_http: bool = Field(
        default=False,
        title="Local webhooks",
        description="For a local system: webhooks may also be on the machine's own loopback address, there without TLS.",
    )

    @property
    def policy(self) -> Policy:
        """As the domain wants it; an urgency that is left out keeps its default."""
        return Policy(
            answer_within={**_DEFAULT.answer_within, **_durations(self.answer_minutes_by_urgency)},
            unattended_after={**_DEFAULT.unattended_after, **_durations(self.unattended_minutes_by_urgency)},
            held_after_place_by=timedelta(minutes=self.held_minutes_after_place_by),
            warned_before_end=timedelta(minutes=self.warned_minutes_before_end),
            asked_per_region=self.asked_per_region,
            overcommitted_for=timedelta(seconds=self.overcommitted_seconds),
            clock_tolerance=timedelta(seconds=self.clock_tolerance_seconds),
        )


def _durations(minutes: Mapping[Urgency, float]) -> dict[Urgency, timedelta]:
    return {urgency: timedelta(minutes=many) for urgency, many in minutes.items()}
