"""Registering providers: once or again, with the same outcome, because each has its external id."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from simulator.client import Api, Refused
from simulator.features import features_of
from simulator.world import Location, Unit

REGISTRY = "/capacity/v1/registry/batch"


async def register(api: Api, locations: Sequence[tuple[Location, Sequence[Unit]]]) -> dict[str, UUID]:
    """Register locations with some of their units; gives the registry's ids by external id.

    Raises:
        Refused: the registry does not take one of them.
        Unreachable: the system does not answer.
    """
    # Locations first, in batches of their own: a unit names its location, which must be there.
    ids = await _send(api, [(location.external_id, _location_line(location)) for location, _ in locations])
    return ids | await _send(api, [(unit.external_id, _unit_line(location, unit)) for location, units in locations for unit in units])


async def _send(api: Api, lines: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, UUID]:
    named = list(lines)
    answers = await api.batch(REGISTRY, [line for _, line in named])
    ids: dict[str, UUID] = {}
    for (external_id, line), answer in zip(named, answers, strict=True):
        if not answer.is_taken:
            raise Refused(answer.status, answer.title)
        ids[external_id] = UUID(str(answer.body.get(f"{line['kind']}_id") or answer.body["id"]))
    return ids


def _location_line(location: Location) -> dict[str, Any]:
    return {
        "kind": "location",
        "external_id": location.external_id,
        "name": location.name,
        "organisation": location.organisation,
        "sector": location.sector.value,
        "municipality": location.municipality,
    }


def _unit_line(location: Location, unit: Unit) -> dict[str, Any]:
    return {
        "kind": "unit",
        "external_id": unit.external_id,
        "location_external_id": location.external_id,
        "organisation": location.organisation,
        "name": unit.name,
        "care_type": unit.care_type.value,
        "cohort": unit.cohort.value,
        "features": features_of(unit),
    }
