"""Placements: the journey of a patient to the place that was accepted. A placement has the id of its offer."""

from uuid import UUID

from starlette.responses import Response

from chassis.http.idempotency import MaybeKey, once
from chassis.http.route import Router
from placement.application.admit import admit
from placement.application.release import release
from placement.application.start_transport import start_transport
from placement.entrypoints.api.forms import AdmissionForm, ReleaseForm, TransportForm
from placement.entrypoints.api.offers import shown_now
from placement.entrypoints.api.views import OfferView
from placement.entrypoints.api.wiring import JourneyTaker, Seen, Served

router = Router(tags=["placements"])


@router.post("/placements/{placement_id}/transport", response_model=OfferView, summary="The patient is on the way")
async def post_transport(
    placement_id: UUID, *, who: JourneyTaker, served: Served, seen: Seen, key: MaybeKey, body: TransportForm | None = None
) -> Response:
    """From then on the hold never ends by itself."""
    async with served.begin() as (tx, work):

        async def leave() -> Response:
            await start_transport(work, placement_id, body.left_at if body else None, seen, who)
            return await shown_now(tx, placement_id, who)

        return await once(tx, key, leave)


@router.post("/placements/{placement_id}/admission", response_model=OfferView, summary="The patient is there")
async def post_admission(
    placement_id: UUID, *, who: JourneyTaker, served: Served, seen: Seen, key: MaybeKey, body: AdmissionForm | None = None
) -> Response:
    """In the unit that is really used, also when that has more patients than places by it."""
    stated = body or AdmissionForm()
    async with served.begin() as (tx, work):

        async def arrive() -> Response:
            await admit(work, placement_id, stated.unit_id, stated.admitted_at, seen=seen, who=who)
            return await shown_now(tx, placement_id, who)

        return await once(tx, key, arrive)


@router.post("/placements/{placement_id}/release", response_model=OfferView, summary="The placement is given up")
async def post_release(placement_id: UUID, *, body: ReleaseForm, who: JourneyTaker, served: Served, seen: Seen, key: MaybeKey) -> Response:
    """The place is free again, and the request goes back to the top of the queue."""
    async with served.begin() as (tx, work):

        async def give_up() -> Response:
            await release(work, placement_id, body.reason, seen, who)
            return await shown_now(tx, placement_id, who)

        return await once(tx, key, give_up)
