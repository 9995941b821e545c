"""How old a figure may be before nobody should trust it: by care type first, then by sector."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from contracts.codes import CareType, Sector

HOUR = timedelta(hours=1)


def _by_care_type() -> dict[CareType, timedelta]:
    return {
        CareType.IC: HOUR,
        CareType.KLINIEK: HOUR,
        CareType.SEH: HOUR,
        CareType.GGZ_CRISIS: 4 * HOUR,
        CareType.CORONACENTRUM: 4 * HOUR,
    }


def _by_sector() -> dict[Sector, timedelta]:
    return {Sector.TIJDELIJKE_LOCATIE: 4 * HOUR, Sector.VVT: 12 * HOUR}


@dataclass(frozen=True, slots=True)
class AgeLimits:
    """The defaults of docs/domain §9, which a deployment may set otherwise."""

    by_care_type: Mapping[CareType, timedelta] = field(default_factory=_by_care_type)
    by_sector: Mapping[Sector, timedelta] = field(default_factory=_by_sector)
    otherwise: timedelta = 24 * HOUR

    def of(self, care_type: CareType, sector: Sector) -> timedelta:
        """The age at which a figure of such a unit becomes unknown."""
        return self.by_care_type.get(care_type) or self.by_sector.get(sector) or self.otherwise
