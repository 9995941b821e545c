"""Locations of the register."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from capacity.adapters.sql.queries import Wanted
from capacity.application.register_locations import change_location, register_locations
from capacity.entrypoints.api.forms import LocationChange, NewLocation
from capacity.entrypoints.api.views import LocationIdView, LocationsView, LocationView, location_view
from capacity.entrypoints.api.whole import all_or_none
from capacity.entrypoints.api.wiring import AnyCaller, Registrar, Seen, Served
from chassis.errors import Rejected
from chassis.http.answers import answer
from chassis.http.etag import etag
from chassis.http.idempotency import MaybeKey, once
from chassis.http.pages import Cursor, Limit, after, identifier, next_link, page
from chassis.http.route import Router
from contracts.codes import Sector

router = Router(tags=["registry"])

Code = Annotated[str | None, Query(max_length=16)]


@router.post(
    "/locations", status_code=201, response_model=LocationIdView, responses={200: {"model": LocationIdView}}, summary="Register a location"
)
async def post_location(body: NewLocation, who: Registrar, served: Served, key: MaybeKey) -> Response:
    """An `external_id` that is known already updates its location, and is answered with 200."""
    async with served.begin() as (tx, work):

        async def register() -> Response:
            (registered,) = all_or_none(await register_locations(work, [(body.stated(), who)]), is_list=False)
            headers = {"ETag": etag(registered.version)}
            return answer(201 if registered.is_new else 200, {"location_id": registered.id}, headers=headers)

        return await once(tx, key, register)


@router.get("/locations", response_model=LocationsView, summary="Locations")
async def get_locations(
    request: Request,
    *,
    _: AnyCaller,
    served: Served,
    roaz: Code = None,
    vr: Code = None,
    sector: Sector | None = None,
    organisation: Annotated[str | None, Query(max_length=200)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """By id, in pages."""
    (reached,) = after(cursor, identifier) or (None,)
    found = await served.queries.locations(Wanted(roaz, vr, sector), organisation, reached, limit + 1)
    shown = found[:limit]
    last = (shown[-1][0].location_id,) if len(found) > limit else None
    return answer(200, page([location_view(location, now) for location, now in shown]), headers=next_link(request, last))


@router.get("/locations/{location_id}", response_model=LocationView, summary="A location")
async def get_location(location_id: UUID, _: AnyCaller, served: Served) -> Response:
    """With its `ETag`."""
    found = await served.queries.location(location_id)
    if found is None:
        raise Rejected("location-not-found", "There is no such location.", status=404)
    return answer(200, location_view(*found), headers={"ETag": etag(found[0].version)})


@router.patch("/locations/{location_id}", response_model=LocationView, summary="Change a location")
async def patch_location(location_id: UUID, body: LocationChange, who: Registrar, served: Served, seen: Seen) -> Response:
    """What is left out keeps its value; its units are told anew."""
    async with served.begin() as (_, work):
        location = await change_location(work, location_id, body.stated(), seen, who)
        view = location_view(location, await work.now())
    return answer(200, view, headers={"ETag": etag(location.version)})
