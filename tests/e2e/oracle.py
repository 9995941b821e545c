"""What must come out, told from what went in by the rules on paper; nothing of the product's own code is used to tell it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
FIELDS = ("total", "open", "occupied", "reserved")
AGE_LIMITS = {"IC": timedelta(hours=1), "KLINIEK": timedelta(hours=1)}
AGE_LIMIT_IN_HOMES = timedelta(hours=12)

FEED_COLUMNS = (
    "IC_Bedden_COVID",
    "IC_Bedden_Non_COVID",
    "Kliniek_Bedden",
    "IC_Nieuwe_Opnames_COVID",
    "Kliniek_Nieuwe_Opnames_COVID",
)


@dataclass(frozen=True)
class Ward:
    """A unit as the test registered it; each reports through one source, so that sources never differ."""

    unit_id: UUID
    location_id: UUID
    organisation: str
    sector: str
    care_type: str
    cohort: str
    vr: str
    roaz: str
    source: str

    @property
    def cells(self) -> list[str]:
        regions = (("NL", "NL"), ("ROAZ", self.roaz), ("VR", self.vr))
        return [f"beds/{level}/{region}/{self.sector}/{self.care_type}/{self.cohort}" for level, region in regions]


@dataclass(frozen=True)
class Report:
    """One revision of what a ward said; only what it states is in `figures`."""

    report_id: UUID
    revision: int
    unit_id: UUID
    observed_at: datetime
    figures: Mapping[str, int]
    is_retracted: bool = False


@dataclass(frozen=True)
class Admission:
    """Patients admitted to a hospital, without a unit, so that no unit's occupied moves with them."""

    flow_id: UUID
    location_id: UUID
    care_type: str
    cohort: str
    occurred_at: datetime
    count: int


@dataclass
class Oracle:
    """Remembers what was accepted, and recounts everything from it."""

    wards: dict[UUID, Ward] = field(default_factory=dict)
    reports: dict[tuple[UUID, int], Report] = field(default_factory=dict)
    admissions: dict[UUID, Admission] = field(default_factory=dict)
    _cells: set[str] = field(default_factory=set)

    def know(self, wards: Iterable[Ward]) -> None:
        for ward in wards:
            self.wards[ward.unit_id] = ward
            self._cells.update(ward.cells)

    def moved(self, ward: Ward, *, cohort: str) -> Ward:
        moved = replace(ward, cohort=cohort)
        self.know([moved])
        return moved

    def accepted(self, report: Report) -> None:
        self.reports[report.report_id, report.revision] = report

    def admitted(self, admission: Admission) -> None:
        self.admissions[admission.flow_id] = admission

    def national(self, now: datetime) -> dict[str, dict[str, Any]]:
        """Every figure by its key, at this moment."""
        shown = self.shown(now)
        members: dict[str, list[dict[str, Any]]] = {cell: [] for cell in self._cells}
        for unit_id, ward in self.wards.items():
            for cell in ward.cells:
                members[cell].append(shown[unit_id])
        return {cell: _sum(units) for cell, units in members.items()}

    def shown(self, now: datetime) -> dict[UUID, dict[str, Any]]:
        """Every ward's own figures, at this moment."""
        latest = self._newest_of_fields()
        return {unit_id: _shown(latest.get(unit_id, {}), ward, now) for unit_id, ward in self.wards.items()}

    def feed(self, day: date) -> dict[str, str]:
        """The cells of one day of the LCPS feed, as they stand in the file."""
        beds: dict[str, int] = {}
        last: dict[UUID, Report] = {}
        for report in self._counting():
            ward = self.wards[report.unit_id]
            if ward.sector != "ZIEKENHUIS" or "occupied" not in report.figures or report.observed_at.astimezone(AMSTERDAM).date() != day:
                continue
            known = last.get(report.unit_id)
            if known is None or known.observed_at < report.observed_at:
                last[report.unit_id] = report
        for unit_id, report in last.items():
            column = _bed_column(self.wards[unit_id])
            if column is not None:
                beds[column] = beds.get(column, 0) + report.figures["occupied"]
        admitted: dict[str, int] = {}
        for admission in self.admissions.values():
            if admission.cohort == "COVID_POS" and admission.occurred_at.astimezone(AMSTERDAM).date() == day:
                column = "IC_Nieuwe_Opnames_COVID" if admission.care_type == "IC" else "Kliniek_Nieuwe_Opnames_COVID"
                admitted[column] = admitted.get(column, 0) + admission.count
        cells = {**beds, **admitted}
        return {column: str(cells[column]) if column in cells else "" for column in FEED_COLUMNS}

    def days(self) -> list[date]:
        instants = [report.observed_at for report in self.reports.values()] + [flow.occurred_at for flow in self.admissions.values()]
        return sorted({instant.astimezone(AMSTERDAM).date() for instant in instants})

    def _counting(self) -> list[Report]:
        """The highest revision of each report, unless it takes the report back."""
        highest: dict[UUID, Report] = {}
        for report in self.reports.values():
            known = highest.get(report.report_id)
            if known is None or known.revision < report.revision:
                highest[report.report_id] = report
        return [report for report in highest.values() if not report.is_retracted]

    def _newest_of_fields(self) -> dict[UUID, dict[str, tuple[datetime, int]]]:
        newest: dict[UUID, dict[str, tuple[datetime, int]]] = defaultdict(dict)
        for report in self._counting():
            said = newest[report.unit_id]
            for name, value in report.figures.items():
                if name not in said or said[name][0] < report.observed_at:
                    said[name] = (report.observed_at, value)
        return newest


def _shown(said: Mapping[str, tuple[datetime, int]], ward: Ward, now: datetime) -> dict[str, Any]:
    fresh = {name: seen for name, seen in said.items() if seen[0] + AGE_LIMITS.get(ward.care_type, AGE_LIMIT_IN_HOMES) > now}
    figures: dict[str, Any] = {name: fresh[name][1] if name in fresh else None for name in FIELDS}
    known = all(figures[name] is not None for name in ("open", "occupied", "reserved"))
    figures["free"] = figures["open"] - figures["occupied"] - figures["reserved"] if known else None
    figures["observed_at"] = min((observed_at for observed_at, _ in fresh.values()), default=None)
    return figures


def _sum(units: list[dict[str, Any]]) -> dict[str, Any]:
    def added(name: str) -> int | None:
        known = [unit[name] for unit in units if unit[name] is not None]
        return sum(known) if known else None

    return {
        **{name: added(name) for name in (*FIELDS, "free")},
        "held": 0,
        "available": added("free"),
        "units": len(units),
        "units_known": sum(unit["free"] is not None for unit in units),
        "oldest_observed_at": min((unit["observed_at"] for unit in units if unit["observed_at"] is not None), default=None),
        "incomplete": False,
    }


def _bed_column(ward: Ward) -> str | None:
    if ward.care_type == "IC":
        return "IC_Bedden_COVID" if ward.cohort == "COVID_POS" else "IC_Bedden_Non_COVID"
    return "Kliniek_Bedden" if ward.care_type == "KLINIEK" and ward.cohort == "COVID_POS" else None
