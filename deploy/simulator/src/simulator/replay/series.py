"""Reading a series in LCPS's own columns. Pure; everything that is wrong is told at once, each with its lines."""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from contracts.codes import CareType, Cohort

DATE_COLUMN = "Datum"

# More than the country has beds many times over, and little enough for every counter on the way.
MOST = 1_000_000

_DATE = re.compile(r"([0-9]{1,2})-([0-9]{1,2})-([0-9]{4})")
_NUMBER = re.compile(r"[0-9]{1,7}")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of LCPS's feed and the units it counts."""

    name: str
    care_type: CareType
    cohort: Cohort
    is_admissions: bool


COLUMNS = (
    Column("IC_Bedden_COVID", CareType.IC, Cohort.COVID_POS, is_admissions=False),
    Column("IC_Bedden_Non_COVID", CareType.IC, Cohort.GEEN, is_admissions=False),
    Column("Kliniek_Bedden", CareType.KLINIEK, Cohort.COVID_POS, is_admissions=False),
    Column("IC_Nieuwe_Opnames_COVID", CareType.IC, Cohort.COVID_POS, is_admissions=True),
    Column("Kliniek_Nieuwe_Opnames_COVID", CareType.KLINIEK, Cohort.COVID_POS, is_admissions=True),
)
HEADER = (DATE_COLUMN, *(column.name for column in COLUMNS))


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure's place in the feed."""

    day: date
    column: Column

    def __str__(self) -> str:
        return f"{written(self.day)} {self.column.name}"


Series = Mapping[Cell, int | None]
"""Every cell of a file's days; None is an empty one: unknown."""


class BadFile(ValueError):  # noqa: N818 - it names what happened in the words of the user
    """The file cannot be replayed; `faults` tells why, a line of the file each, without repeating what stands there."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def written(day: date) -> str:
    """A date as LCPS writes it: d-m-yyyy without leading zeros."""
    return f"{day.day}-{day.month}-{day.year}"


def parse(content: bytes, *, today: date) -> Series:
    """Read a whole file, its rows in any order.

    Raises:
        BadFile: something in it is broken, a date stands in it twice, or a day has not come yet.
    """
    faults: list[str] = []
    lines_of: dict[date, list[int]] = {}
    cells: dict[Cell, int | None] = {}
    for number, row in _rows(content, faults):
        day = _day(row[0], number, today, faults)
        if day is None:
            continue
        lines_of.setdefault(day, []).append(number)
        for column, text in zip(COLUMNS, row[1:], strict=True):
            cells[Cell(day, column)] = _figure(text, number, column, faults)
    faults += [
        f"lines {' and '.join(map(str, numbers))}: the same date, {written(day)}" for day, numbers in lines_of.items() if len(numbers) > 1
    ]
    if not faults and not cells:
        faults.append("the file has no rows")
    if faults:
        raise BadFile(faults)
    return cells


def _rows(content: bytes, faults: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The rows below the header with their line numbers. A row never spans lines: an open quotation mark must not swallow the file."""
    lines = content.removeprefix(b"\xef\xbb\xbf").splitlines()
    header_seen = False
    for number, line in enumerate(lines, start=1):
        try:
            row = [cell.strip() for cell in next(csv.reader([line.decode()], strict=True), [])]
        except (UnicodeDecodeError, csv.Error):
            faults.append(f"line {number}: not a row of comma-separated text in UTF-8")
            header_seen = True
            continue
        if not header_seen:
            header_seen = True
            if tuple(row) != HEADER:
                # Nothing below can be read by columns that are not ours.
                faults.append(f"line {number}: the columns are not LCPS's: {','.join(HEADER)}")
                return
        elif len(row) == len(HEADER):
            yield number, row
        elif any(row):
            faults.append(f"line {number}: {len(row)} cells in place of {len(HEADER)}")


def _day(text: str, number: int, today: date, faults: list[str]) -> date | None:
    found = _DATE.fullmatch(text)
    try:
        day = date(int(found[3]), int(found[2]), int(found[1])) if found else None
    except ValueError:
        day = None
    if day is None:
        faults.append(f"line {number}, {DATE_COLUMN}: not a date (d-m-yyyy)")
    elif day > today:
        faults.append(f"line {number}, {DATE_COLUMN}: this day has not come yet")
    return day


def _figure(text: str, number: int, column: Column, faults: list[str]) -> int | None:
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        faults.append(f"line {number}, {column.name}: not a whole number of 0 or more, nor empty")
        return None
    figure = int(text)
    if figure > MOST:
        faults.append(f"line {number}, {column.name}: more than {MOST}")
        return None
    return figure
