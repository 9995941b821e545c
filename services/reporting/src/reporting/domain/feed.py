"""The LCPS daily feed: national figures of hospitals, in LCPS's own columns.

LCPS counts beds; what a hospital calls patients (NICE) is another count and never mixed in. Missing stays missing, never 0.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Final

from contracts.codes import CareType, Cohort, Sector

DATE_COLUMN: Final = "Datum"


@dataclass(frozen=True, slots=True)
class Cells:
    """The figures of one day; None is unknown."""

    ic_beds_covid: int | None = None
    ic_beds_non_covid: int | None = None
    ward_beds_covid: int | None = None
    ic_admissions_covid: int | None = None
    ward_admissions_covid: int | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """Behind one cell: how many hospitals and units spoke of it that day, and of how many units the figure is known."""

    hospitals: int = 0
    units: int = 0
    units_known: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the feed."""

    name: str
    """As LCPS writes it."""
    cell: str
    is_admissions: bool
    care_type: CareType
    covid: bool

    def takes(self, care_type: CareType, cohort: Cohort) -> bool:
        """Whether figures of this care type and cohort count here."""
        return care_type == self.care_type and (cohort == Cohort.COVID_POS) == self.covid


COLUMNS: Final = (
    Column("IC_Bedden_COVID", "ic_beds_covid", is_admissions=False, care_type=CareType.IC, covid=True),
    Column("IC_Bedden_Non_COVID", "ic_beds_non_covid", is_admissions=False, care_type=CareType.IC, covid=False),
    Column("Kliniek_Bedden", "ward_beds_covid", is_admissions=False, care_type=CareType.KLINIEK, covid=True),
    Column("IC_Nieuwe_Opnames_COVID", "ic_admissions_covid", is_admissions=True, care_type=CareType.IC, covid=True),
    Column("Kliniek_Nieuwe_Opnames_COVID", "ward_admissions_covid", is_admissions=True, care_type=CareType.KLINIEK, covid=True),
)
CELL_NAMES: Final = tuple(field.name for field in fields(Cells))


def counts_for_beds(sector: Sector, care_type: CareType, cohort: Cohort) -> bool:
    """Whether such beds stand in any column."""
    return sector == Sector.ZIEKENHUIS and any(column.takes(care_type, cohort) for column in COLUMNS if not column.is_admissions)


def counts_for_admissions(sector: Sector, care_type: CareType, cohort: Cohort) -> bool:
    """Whether such admissions stand in any column."""
    return sector == Sector.ZIEKENHUIS and any(column.takes(care_type, cohort) for column in COLUMNS if column.is_admissions)


def as_csv(days: Iterable[date], said: Mapping[date, Cells]) -> str:
    """The feed as LCPS publishes it: one row a day, `d-m-yyyy` without leading zeros, an empty cell where nothing is known."""
    lines = [",".join((DATE_COLUMN, *(column.name for column in COLUMNS)))]
    for day in days:
        cells = said.get(day, Cells())
        values: list[int | None] = [getattr(cells, column.cell) for column in COLUMNS]
        lines.append(",".join((f"{day.day}-{day.month}-{day.year}", *("" if value is None else str(value) for value in values))))
    return "\n".join(lines) + "\n"
