"""The register of a whole region in one file: locations and their units, line by line."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import Request
from pydantic import Field, RootModel
from starlette.responses import Response

from capacity.application.register_locations import Registered, register_locations
from capacity.application.register_units import register_units
from capacity.entrypoints.api.forms import BatchUnit, NewLocation
from capacity.entrypoints.api.lines import Result, answer_lines, described, read_line
from capacity.entrypoints.api.wiring import Registrar, Served
from chassis.errors import Rejected
from chassis.http.ndjson import NdjsonAnswer, ndjson_lines
from chassis.http.route import Router

router = Router(tags=["registry"])

_BLANK: Mapping[str, Any] = {"location_id": None, "unit_id": None}

# Every name is a lock until the chunk is committed, and PostgreSQL has room for a few thousand.
_CHUNK_LINES = 200


class LocationLine(NewLocation):
    """A line that is a location."""

    kind: Literal["location"]


class UnitLine(BatchUnit):
    """A line that is a unit."""

    kind: Literal["unit"]


class RegistryLine(RootModel[Annotated[LocationLine | UnitLine, Field(discriminator="kind")]]):
    """A line."""

    model_config = {"hide_input_in_errors": True}


@router.post("/registry/batch", summary="Locations and units, as NDJSON", **described("`{line, status, location_id, unit_id, problem}`"))
async def post_batch(request: Request, who: Registrar, served: Served) -> Response:
    """Lines are `{"kind": "location" | "unit", …}`; a unit may name its location by `location_external_id`, also one of an earlier line."""

    async def do(lines: Sequence[RegistryLine]) -> list[Result]:
        results: dict[int, Result] = {}
        locations = {nth: line.root for nth, line in enumerate(lines) if isinstance(line.root, LocationLine)}
        units = {nth: line.root for nth, line in enumerate(lines) if isinstance(line.root, UnitLine)}
        async with served.begin() as (_, work):
            # A chunk's locations before its units, so that a unit finds the location of a line before it.
            placed = await register_locations(work, [(line.stated(), who) for line in locations.values()]) if locations else []
            results.update({nth: _result("location_id", one) for nth, one in zip(locations, placed, strict=True)})
            registered = await register_units(work, [(line.stated(), who) for line in units.values()]) if units else []
            results.update({nth: _result("unit_id", one) for nth, one in zip(units, registered, strict=True)})
        return [results[nth] for nth in range(len(lines))]

    lines = ndjson_lines(request, chunk_lines=_CHUNK_LINES)
    return NdjsonAnswer(lines, partial(answer_lines, read=partial(read_line, RegistryLine), do=do, blank=_BLANK))


def _result(name: str, registered: Registered | Rejected) -> Result:
    if isinstance(registered, Rejected):
        return Result({}, registered)
    return Result({"status": 201 if registered.is_new else 200, name: registered.id})
