"""Which figures there are: the beds of one region, sector, care type and cohort, and nothing coarser."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Self

from contracts.codes import CareType, Cohort, Level, Sector
from contracts.geography import COUNTRY, UNKNOWN_ROAZ, roaz_regions, safety_regions

UNKNOWN_REGION = UNKNOWN_ROAZ


@dataclass(frozen=True, slots=True, order=True)
class Figure:
    """One cell of the national picture.

    Only the finest cells exist: with rows for "all sectors" beside them, whoever adds up a column counts everything twice.
    """

    level: Level
    region: str
    sector: Sector
    care_type: CareType
    cohort: Cohort

    @property
    def key(self) -> str:
        """The Kafka key: `beds/VR/VR03/VVT/ELV_HOOG/GEEN`."""
        return f"beds/{self.level}/{self.region}/{self.sector}/{self.care_type}/{self.cohort}"

    @classmethod
    def of_key(cls, key: str) -> Self:
        """Read a key back.

        Raises:
            ValueError: when it names no figure of ours.
        """
        kind, level, region, sector, care_type, cohort = key.split("/")
        if kind != "beds":
            raise ValueError("the key does not name beds")
        return cls(Level(level), region, Sector(sector), CareType(care_type), Cohort(cohort))


def is_figure(key: str) -> bool:
    """Whether this key of the national topic names a figure; others are signs of life."""
    try:
        Figure.of_key(key)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Cell:
    """Where one unit counts: once at each level, under `ONBEKEND` where its region is not known, so that sums close."""

    country: str
    roaz: str
    vr: str


def cell_of(*, roaz: str, vr: str, sector: Sector, care_type: CareType, cohort: Cohort) -> Cell:
    """The keys of the three figures that a unit counts in."""
    return Cell(
        country=Figure(Level.NL, COUNTRY, sector, care_type, cohort).key,
        roaz=Figure(Level.ROAZ, roaz_or_unknown(roaz), sector, care_type, cohort).key,
        vr=Figure(Level.VR, vr_or_unknown(vr), sector, care_type, cohort).key,
    )


def roaz_or_unknown(roaz: str) -> str:
    """The ROAZ region under which this counts."""
    return roaz if roaz in roaz_regions() else UNKNOWN_REGION


def vr_or_unknown(vr: str) -> str:
    """The veiligheidsregio under which this counts."""
    return vr if vr in safety_regions() else UNKNOWN_REGION


@cache
def regions() -> Mapping[Level, frozenset[str]]:
    """The regions of each level, `ONBEKEND` among them where a unit may lie in none that we know."""
    return {
        Level.NL: frozenset({COUNTRY}),
        Level.ROAZ: frozenset({*roaz_regions(), UNKNOWN_REGION}),
        Level.VR: frozenset({*safety_regions(), UNKNOWN_REGION}),
    }


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader of the national picture asked for; None is everything."""

    level: Level | None = None
    region: str | None = None
    sector: Sector | None = None
    care_type: CareType | None = None
    cohort: Cohort | None = None

    def matches(self, figure: Figure) -> bool:
        return (
            (self.level is None or figure.level == self.level)
            and (self.region is None or figure.region == self.region)
            and (self.sector is None or figure.sector == self.sector)
            and (self.care_type is None or figure.care_type == self.care_type)
            and (self.cohort is None or figure.cohort == self.cohort)
        )
