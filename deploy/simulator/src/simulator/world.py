"""The made-up providers: 75 hospitals and 2,451 nursing-home locations with their units. Pure: the same seed gives the same world.

The hospitals are fixed, whatever the seed, because the replay divides national figures over them and must find the same units
each time.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from random import Random

from contracts.codes import CareType, Cohort, Sector, Source
from contracts.geography import municipalities, safety_regions
from simulator import names
from simulator.chance import seeded

# The day on which the list of municipalities is taken: fixed, so that the world does not change when municipalities merge.
AS_OF = date(2023, 1, 1)

# Of the ward beds that COVID patients lay in at the peak of the second wave, and of the IC beds.
COVID_SHARE_WARD = 0.07
COVID_SHARE_IC = 0.30


@dataclass(frozen=True, slots=True)
class Unit:
    """A care type and cohort at a location, with its size."""

    external_id: str
    name: str
    care_type: CareType
    cohort: Cohort
    beds: int
    turnover: float
    """The share of its beds that is left and filled again on an ordinary day."""


@dataclass(frozen=True, slots=True)
class Location:
    """A hospital or nursing home."""

    external_id: str
    name: str
    organisation: str
    sector: Sector
    vr: str
    municipality: str
    source: Source
    units: tuple[Unit, ...]


@dataclass(frozen=True, slots=True)
class Hospital:
    """A hospital with the weights by which national figures are divided."""

    location: Location
    ic_beds: int
    ward_beds: int


@dataclass(frozen=True, slots=True)
class World:
    """Everything that reports."""

    seed: int
    hospitals: tuple[Hospital, ...]
    nursing_homes: tuple[Location, ...]

    @property
    def locations(self) -> tuple[Location, ...]:
        return (*(hospital.location for hospital in self.hospitals), *self.nursing_homes)

    def units(self) -> Iterator[tuple[Location, Unit]]:
        return ((location, unit) for location in self.locations for unit in location.units)


@dataclass(frozen=True, slots=True)
class Kind:
    """How often nursing homes have a unit of this kind, how large it is and how it is called."""

    care_type: CareType
    cohort: Cohort
    name: str
    share: float
    least: int
    most: int
    turnover: float


# Shares and sizes are ours, chosen so that the country has some 7,500 units of credible size; the source documents only give
# the number of locations.
NURSING_HOME_KINDS = (
    Kind(CareType.WLZ_REGULIER, Cohort.GEEN, "Verblijf", 1.0, 18, 80, 0.004),
    Kind(CareType.ELV_LAAG, Cohort.GEEN, "ELV laag", 0.50, 3, 12, 0.04),
    Kind(CareType.ELV_HOOG, Cohort.GEEN, "ELV hoog", 0.36, 4, 16, 0.05),
    Kind(CareType.GRZ, Cohort.GEEN, "Revalidatie", 0.24, 10, 30, 0.035),
    Kind(CareType.WLZ_CRISIS, Cohort.GEEN, "Crisisplekken", 0.18, 1, 4, 0.08),
    Kind(CareType.CORONA_UNIT, Cohort.COVID_POS, "Corona-unit", 0.14, 4, 14, 0.09),
    Kind(CareType.RESPIJT, Cohort.GEEN, "Respijt", 0.14, 2, 6, 0.10),
    Kind(CareType.WZD_PLEK, Cohort.GEEN, "Gesloten afdeling", 0.12, 4, 16, 0.01),
    Kind(CareType.ELV_PALLIATIEF, Cohort.GEEN, "ELV palliatief", 0.11, 2, 6, 0.05),
    Kind(CareType.CORONA_UNIT, Cohort.COVID_VERDACHT, "Quarantaine-unit", 0.09, 2, 8, 0.15),
)


def build(seed: int) -> World:
    """The world of this seed."""
    return World(seed=seed, hospitals=hospitals(), nursing_homes=tuple(_nursing_homes(seeded("nursing homes", seed))))


def hospitals() -> tuple[Hospital, ...]:
    """The fixed 75 hospitals, in the order of the list."""
    rows = csv.DictReader((files("simulator") / "data" / "hospitals.csv").read_text(encoding="utf-8").splitlines())
    return tuple(_hospital(row) for row in rows)


def _hospital(row: dict[str, str]) -> Hospital:
    ic_beds, ward_beds = int(row["ic_beds"]), int(row["ward_beds"])
    ic_covid, ward_covid = max(2, round(ic_beds * COVID_SHARE_IC)), max(4, round(ward_beds * COVID_SHARE_WARD))

    def unit(care_type: CareType, cohort: Cohort, name: str, beds: int, turnover: float) -> Unit:
        return Unit(f"{row['external_id']}/{care_type}/{cohort}", name, care_type, cohort, beds, turnover)

    location = Location(
        external_id=row["external_id"],
        name=row["name"],
        organisation=row["organisation"],
        sector=Sector.ZIEKENHUIS,
        vr=row["vr"],
        municipality=row["municipality"],
        source=Source.EPD,
        units=(
            unit(CareType.IC, Cohort.COVID_POS, "IC COVID", ic_covid, 0.12),
            unit(CareType.IC, Cohort.GEEN, "IC", ic_beds - ic_covid, 0.25),
            unit(CareType.KLINIEK, Cohort.COVID_POS, "Verpleegafdeling COVID", ward_covid, 0.15),
            unit(CareType.KLINIEK, Cohort.GEEN, "Verpleegafdelingen", ward_beds - ward_covid, 0.40),
            # An emergency department fills and empties about five times a day.
            unit(CareType.SEH, Cohort.GEEN, "Spoedeisende hulp", max(8, ward_beds // 20), 5.0),
        ),
    )
    return Hospital(location, ic_beds, ward_beds)


def _nursing_homes(random: Random) -> Iterator[Location]:
    by_region: dict[str, list[str]] = {}
    for municipality in municipalities(AS_OF):
        by_region.setdefault(municipality.vr, []).append(municipality.code)

    home_names = names.homes(random)
    organisation_names = names.organisations(random)
    for region in safety_regions().values():
        # Care organisations have a handful to two dozen locations near each other.
        organisation, locations_left = "", 0
        for number in range(1, region.nursing_home_locations + 1):
            if locations_left == 0:
                organisation, locations_left = next(organisation_names), random.randint(4, 24)
            locations_left -= 1
            external_id = f"VVT-{region.code[2:]}-{number:03d}"
            yield Location(
                external_id=external_id,
                name=next(home_names),
                organisation=organisation,
                sector=Sector.VVT,
                vr=region.code,
                municipality=random.choice(by_region[region.code]),
                source=Source.ECD if random.random() < ECD_SHARE else Source.PLANNER,
                units=tuple(_units(external_id, random)),
            )


# Homes whose records are read by machine; in the others a planner types the figures.
ECD_SHARE = 0.75


def _units(external_id: str, random: Random) -> Iterator[Unit]:
    for kind in NURSING_HOME_KINDS:
        if random.random() < kind.share:
            beds = random.randint(kind.least, kind.most)
            yield Unit(f"{external_id}/{kind.care_type}/{kind.cohort}", kind.name, kind.care_type, kind.cohort, beds, kind.turnover)
