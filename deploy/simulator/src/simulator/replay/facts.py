"""What each hospital says of a cell: reports and flows with ids that follow from what they are about. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5
from zoneinfo import ZoneInfo

from contracts.codes import CareType, Cohort, FlowKind, Source
from simulator.replay.divide import divide
from simulator.replay.series import Cell
from simulator.world import Hospital, Location, Unit

IDS = uuid5(NAMESPACE_URL, "urn:nl:zorgcoordinatie:lcps-replay")
LOCAL = ZoneInfo("Europe/Amsterdam")

# LCPS counts in the morning; any fixed moment within the local day would do, also on the days when the clocks change.
COUNTED_AT = time(6)

USED = frozenset({(CareType.IC, Cohort.COVID_POS), (CareType.IC, Cohort.GEEN), (CareType.KLINIEK, Cohort.COVID_POS)})


@dataclass(frozen=True, slots=True)
class Fact:
    """One hospital's share of a cell, as the API takes it."""

    cell: Cell
    body: Mapping[str, Any]

    @property
    def is_flow(self) -> bool:
        return self.cell.column.is_admissions

    @property
    def id(self) -> str:
        return str(self.body["flow_id" if self.is_flow else "report_id"])


def used_units(hospital: Hospital) -> list[Unit]:
    """The three units of a hospital that the replay speaks for."""
    return [unit for unit in hospital.location.units if (unit.care_type, unit.cohort) in USED]


def registered(hospitals: Iterable[Hospital]) -> list[tuple[Location, Sequence[Unit]]]:
    """What must be in the registry."""
    return [(hospital.location, used_units(hospital)) for hospital in hospitals]


def facts_of(
    cell: Cell, figure: int | None, hospitals: Sequence[Hospital], ids: Mapping[str, UUID], *, revision: int = 0
) -> Iterator[Fact]:
    """Every hospital's share of the figure, also those of 0; without a figure, every hospital takes back what it said."""
    weights = [hospital.ic_beds if cell.column.care_type is CareType.IC else hospital.ward_beds for hospital in hospitals]
    shares = divide(figure or 0, weights)
    for hospital, share in zip(hospitals, shares, strict=True):
        unit = next(unit for unit in used_units(hospital) if (unit.care_type, unit.cohort) == (cell.column.care_type, cell.column.cohort))
        body = _flow(cell, hospital, unit, share, ids) if cell.column.is_admissions else _report(cell, unit, share, ids)
        yield Fact(cell, body | {"revision": revision} | ({"retracted": True} if figure is None else {}))


def _report(cell: Cell, unit: Unit, occupied: int, ids: Mapping[str, UUID]) -> dict[str, Any]:
    return {
        "report_id": str(uuid5(IDS, f"report/{unit.external_id}/{cell.day.isoformat()}")),
        "unit_id": str(ids[unit.external_id]),
        "source": Source.IMPORT.value,
        "observed_at": _counted_at(cell),
        "occupied": occupied,
    }


def _flow(cell: Cell, hospital: Hospital, unit: Unit, count: int, ids: Mapping[str, UUID]) -> dict[str, Any]:
    return {
        "flow_id": str(uuid5(IDS, f"flow/{unit.external_id}/{cell.day.isoformat()}")),
        "source": Source.IMPORT.value,
        "location_id": str(ids[hospital.location.external_id]),
        "unit_id": str(ids[unit.external_id]),
        "kind": FlowKind.OPNAME.value,
        "care_type": unit.care_type.value,
        "cohort": unit.cohort.value,
        "occurred_at": _counted_at(cell),
        "count": count,
    }


def _counted_at(cell: Cell) -> str:
    return datetime.combine(cell.day, COUNTED_AT, LOCAL).isoformat()
