"""Settings of capacity, from the environment."""

from datetime import timedelta

from pydantic import Field

from capacity.domain.age_limits import AgeLimits
from chassis.settings import ServiceSettings
from contracts.codes import CareType, Sector

_DEFAULT = AgeLimits()


def _minutes(limit: timedelta) -> int:
    return int(limit.total_seconds() // 60)


class CapacitySettings(ServiceSettings):
    """What capacity needs to know beside where it runs."""

    age_limit_minutes_by_care_type: dict[CareType, int] = Field(
        default={care_type: _minutes(limit) for care_type, limit in _DEFAULT.by_care_type.items()},
        title="Age limits by care type",
        description="Minutes after which a figure is unknown, as JSON; these come before those by sector.",
    )
    age_limit_minutes_by_sector: dict[Sector, int] = Field(
        default={sector: _minutes(limit) for sector, limit in _DEFAULT.by_sector.items()},
        title="Age limits by sector",
        description="Minutes after which a figure is unknown, as JSON.",
    )
    age_limit_minutes_otherwise: int = Field(
        default=_minutes(_DEFAULT.otherwise),
        ge=1,
        title="Age limit otherwise",
        description="Minutes after which any other figure is unknown.",
    )

    @property
    def age_limits(self) -> AgeLimits:
        """As the domain wants them."""
        return AgeLimits(
            by_care_type={care_type: timedelta(minutes=minutes) for care_type, minutes in self.age_limit_minutes_by_care_type.items()},
            by_sector={sector: timedelta(minutes=minutes) for sector, minutes in self.age_limit_minutes_by_sector.items()},
            otherwise=timedelta(minutes=self.age_limit_minutes_otherwise),
        )
