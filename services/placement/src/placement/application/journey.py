"""What transport, admission and release have in common: whose placement it is, and whether it still stands."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chassis.errors import FieldError, Rejected
from chassis.http.etag import require_match
from chassis.security.auth import Caller
from placement.application.permission import may_take_along
from placement.application.ports import Work
from placement.domain.offer import Offer
from placement.domain.request import Request
from placement.domain.states import OfferStatus, RequestStatus, may
from placement.domain.unit import Unit


@dataclass(frozen=True, slots=True)
class Placement:
    """A placement; it, its request, what is offered beside it and the units are locked."""

    offer: Offer
    request: Request
    units: Mapping[UUID, Unit]
    others: tuple[Offer, ...]
    """Open offers of a second place, where this one has no room."""
    now: datetime


async def placement(
    work: Work, placement_id: UUID, to: OfferStatus, *, seen: str, who: Caller, other_units: Collection[UUID] = ()
) -> Placement:
    """Lock what a step of the journey touches, and see that it may be taken.

    Raises:
        Rejected: 404, 403; 409 when this step cannot be taken from where it stands; 412 when another version was seen.
    """
    found = (await work.offers.find([placement_id])).get(placement_id)
    if found is None:
        raise Rejected("placement-not-found", "There is no such placement.", status=404)
    request = (await work.requests.locked([found.case_id]))[found.case_id]
    may_take_along(who, found, request)
    is_moving = request.status is RequestStatus.MOVING
    asked = await work.offers.of_requests([found.case_id], {OfferStatus.OFFERED}) if is_moving else ()
    units = await work.units.locked({found.unit_id, *other_units, *(offer.unit_id for offer in asked)})
    offers = await work.offers.locked([placement_id, *(offer.offer_id for offer in asked)])
    offer = offers[placement_id]
    if not may(offer.status, to):
        raise Rejected("placement-state", f"The placement stands at {offer.status}: this cannot follow.", status=409)
    require_match(seen, offer.version)
    others = tuple(other for other in offers.values() if other.offer_id != placement_id)
    return Placement(offer, request, units, others, await work.now())


def happened_at(work: Work, said: datetime | None, now: datetime, pointer: str) -> datetime:
    """When it happened: now when it was not said; a clock a little ahead of ours means now.

    Raises:
        Rejected: 422 when it lies ahead.
    """
    if said is None:
        return now
    if said > now + work.policy.clock_tolerance:
        raise Rejected("clock-ahead", "This time lies ahead.", errors=[FieldError(pointer, "lies ahead")])
    return min(said, now)
