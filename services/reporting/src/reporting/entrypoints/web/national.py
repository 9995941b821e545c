"""What stands on the national page: headlines, the tile map, the table by care type and cohort, the table by region."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode

from chassis.web.words import CARE_TYPES, COHORTS, SECTORS
from contracts.codes import CareType, Cohort, Level, Sector
from contracts.geography import UNKNOWN_ROAZ, SafetyRegion, roaz_regions, safety_regions
from reporting.entrypoints.web.picture import FigureView
from reporting.entrypoints.web.sums import Selection, Sum, add_up

PAGE = "/rapportage/landelijk"

ALL_SECTORS, ALL_CARE_TYPES, ALL_COHORTS = "Alle sectoren", "Alle zorgtypen", "Alle cohorten"

HEADLINES: Sequence[tuple[str, Sequence[CareType]]] = (
    ("IC", (CareType.IC,)),
    ("Kliniek", (CareType.KLINIEK,)),
    ("ELV en GRZ", (CareType.ELV_LAAG, CareType.ELV_HOOG, CareType.ELV_PALLIATIEF, CareType.GRZ)),
    ("Coronaplaatsen", (CareType.CORONA_UNIT, CareType.CORONACENTRUM)),
    (
        "Wlz en ander verblijf",
        (
            CareType.WLZ_CRISIS,
            CareType.WLZ_REGULIER,
            CareType.WZD_PLEK,
            CareType.WMO_SPOED,
            CareType.HOSPICE,
            CareType.RESPIJT,
            CareType.ZORGHOTEL,
            CareType.WIJKVERPLEGINGHOTEL,
            CareType.GGZ_CRISIS,
        ),
    ),
)

BLOCKS: Sequence[tuple[str, Sequence[CareType]]] = (
    ("Ziekenhuis", (CareType.IC, CareType.KLINIEK, CareType.SEH)),
    (
        "Verblijf buiten het ziekenhuis",
        (
            CareType.ELV_LAAG,
            CareType.ELV_HOOG,
            CareType.ELV_PALLIATIEF,
            CareType.GRZ,
            CareType.WLZ_CRISIS,
            CareType.WLZ_REGULIER,
            CareType.WZD_PLEK,
            CareType.WMO_SPOED,
            CareType.HOSPICE,
            CareType.RESPIJT,
            CareType.ZORGHOTEL,
            CareType.WIJKVERPLEGINGHOTEL,
            CareType.CORONA_UNIT,
            CareType.CORONACENTRUM,
            CareType.GGZ_CRISIS,
        ),
    ),
    ("Thuis", (CareType.WV_PLANBAAR, CareType.WV_ONPLANBAAR, CareType.MSVT, CareType.THUISMONITORING_O2)),
)

UNKNOWN_REGION = UNKNOWN_ROAZ
"""Units of which the region is not known count under this name, so that the regions add up to the country."""


@dataclass(frozen=True, slots=True)
class Picked:
    """What the reader chose to look at."""

    sector: Sector | None = None
    care_type: CareType | None = None
    cohort: Cohort | None = None
    region: str | None = None

    @property
    def places(self) -> str:
        """Which places the map and the table of regions show, in words: `Ziekenhuis · IC · COVID +`."""
        chosen = [
            SECTORS[self.sector] if self.sector else ALL_SECTORS,
            CARE_TYPES[self.care_type] if self.care_type else ALL_CARE_TYPES,
            COHORTS[self.cohort] if self.cohort else ALL_COHORTS,
        ]
        return " · ".join(chosen)

    def address(self, **changes: Sector | CareType | Cohort | str | None) -> str:
        """The address of the page with this choice, some of it changed."""
        chosen = {"sector": self.sector, "care_type": self.care_type, "cohort": self.cohort, "region": self.region} | changes
        query = urlencode({name: str(value) for name, value in chosen.items() if value})
        return f"{PAGE}?{query}" if query else PAGE

    @property
    def where(self) -> str:
        """Of which region the table of care types speaks."""
        return region_name(self.region) if self.region else "Nederland"


@dataclass(frozen=True, slots=True)
class Headline:
    name: str
    care_types: Sequence[CareType]
    sum: Sum
    covid: Sum


@dataclass(frozen=True, slots=True)
class Tile:
    region: SafetyRegion
    edges: str
    """On which sides another ROAZ region begins: some of `t`, `r`, `b`, `l`."""
    sum: Sum


@dataclass(frozen=True, slots=True)
class CareRow:
    care_type: CareType | None
    """None is the row of all care types together."""
    name: str
    by_cohort: Sequence[tuple[Cohort, Sum]]
    sum: Sum


@dataclass(frozen=True, slots=True)
class Block:
    name: str
    rows: Sequence[CareRow]

    @property
    def is_empty(self) -> bool:
        return not any(row.sum.units for row in self.rows)


@dataclass(frozen=True, slots=True)
class RegionRow:
    code: str
    name: str
    roaz: str
    sum: Sum

    @property
    def is_unknown(self) -> bool:
        """Whether this row stands for the units whose region is not known; it is shown only when there are any."""
        return self.code == UNKNOWN_REGION


@dataclass(frozen=True, slots=True)
class NationalPage:
    picked: Picked
    country: Sum
    headlines: Sequence[Headline]
    tiles: Sequence[Tile]
    blocks: Sequence[Block]
    all_care_types: CareRow
    regions: Sequence[RegionRow]
    all_regions: Sum


def national_page(figures: Iterable[FigureView], picked: Picked, now: datetime) -> NationalPage:
    """Everything on the page, from the figures as they stand."""
    # Each sum looks only at its own region or care type: going through the whole country for each of the two hundred sums would keep
    # the process from its streams for a quarter of a second.
    country = [figure for figure in figures if figure.level == Level.VR]
    by_region: dict[str, list[FigureView]] = defaultdict(list)
    by_care_type: dict[CareType, list[FigureView]] = defaultdict(list)
    for figure in country:
        by_region[figure.region].append(figure)
        by_care_type[figure.care_type].append(figure)

    places = Selection(sector=picked.sector, care_type=picked.care_type, cohort=picked.cohort)
    within = Selection(region=picked.region, sector=picked.sector)

    def care_row(care_type: CareType | None, name: str, among: Sequence[FigureView]) -> CareRow:
        by_cohort = [(cohort, add_up(among, replace(within, cohort=cohort), now)) for cohort in COHORTS]
        return CareRow(care_type, name, by_cohort, add_up(among, within, now))

    def headline(name: str, care_types: Sequence[CareType]) -> Headline:
        among = [figure for care_type in care_types for figure in by_care_type[care_type]]
        return Headline(name, care_types, add_up(among, Selection(), now), add_up(among, Selection(cohort=Cohort.COVID_POS), now))

    return NationalPage(
        picked=picked,
        country=add_up(country, Selection(), now),
        headlines=[headline(name, care_types) for name, care_types in HEADLINES],
        tiles=[Tile(region, _edges(region), add_up(by_region[region.code], places, now)) for region in safety_regions().values()],
        blocks=[Block(name, [care_row(each, CARE_TYPES[each], by_care_type[each]) for each in care_types]) for name, care_types in BLOCKS],
        all_care_types=care_row(None, ALL_CARE_TYPES, country),
        regions=[
            RegionRow(code, region_name(code), _roaz_name(code), add_up(by_region[code], places, now))
            for code in (*safety_regions(), UNKNOWN_REGION)
        ],
        all_regions=add_up(country, places, now),
    )


def is_region(code: str) -> bool:
    return code in safety_regions() or code == UNKNOWN_REGION


def region_name(code: str) -> str:
    return safety_regions()[code].name if code in safety_regions() else "Regio onbekend"


def _roaz_name(code: str) -> str:
    region = safety_regions().get(code)
    return roaz_regions()[region.listed_under].name if region else ""


def _edges(region: SafetyRegion) -> str:
    """The sides on which a tile's neighbour lies under another ROAZ region, or where there is none."""
    beside = {(other.column, other.row): other.listed_under for other in safety_regions().values()}
    sides = {"t": (0, -1), "r": (1, 0), "b": (0, 1), "l": (-1, 0)}
    return "".join(side for side, (x, y) in sides.items() if beside.get((region.column + x, region.row + y)) != region.listed_under)
