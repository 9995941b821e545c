"""The patient is there."""

from datetime import datetime
from uuid import UUID

from chassis.errors import FieldError, Rejected
from chassis.security.auth import Caller
from contracts.placement import PLACEMENTS, RequestEnd
from placement.application.absorb import absorb
from placement.application.events import patient_admitted, request_closed
from placement.application.holds import settle, withdraw
from placement.application.journey import happened_at, placement
from placement.application.ports import Work
from placement.domain.offer import Offer
from placement.domain.states import OfferStatus, RequestStatus


async def admit(work: Work, placement_id: UUID, unit_id: UUID | None, admitted_at: datetime | None, *, seen: str, who: Caller) -> Offer:
    """End the search, and hold the place in the unit really used until that unit's own figures contain the patient.

    Args:
        work: the transaction.
        placement_id: which placement.
        unit_id: the unit really used; the one that accepted when not given.
        admitted_at: when it was true at the bedside; now when not given.
        seen: the `If-Match` header.
        who: its provider, or who coordinates the request.

    Raises:
        Rejected: 404, 403; 409 when it stands elsewhere; 412 when another version was seen; 422 for a unit of another organisation and
            for a time that lies ahead.
    """
    found = await placement(
        work, placement_id, OfferStatus.ADMITTED, seen=seen, who=who, other_units=[unit_id] if unit_id is not None else []
    )
    offer, now = found.offer, found.now
    at = happened_at(work, admitted_at, now, "/admitted_at")
    used = found.units.get(unit_id or offer.unit_id)
    if used is None or used.organisation != offer.organisation:
        raise Rejected(
            "unit-not-found",
            "This organisation has no such unit.",
            errors=[FieldError("/unit_id", "is a unit of the accepting organisation")],
        )
    admitted = await work.offers.move(
        offer, OfferStatus.ADMITTED, unit_id=used.unit_id, admitted_at=at, held_until=None, needs_confirmation=False, confirm_by=None
    )
    assert admitted is not None
    if used.unit_id != offer.unit_id:
        await work.units.give_back(offer.unit_id, offer.offer_id)
        await work.units.take_regardless(used.unit_id, offer.offer_id)
    await withdraw(work, found.others, found.units, now)
    await work.requests.move(found.request, RequestStatus.CLOSED, ended=RequestEnd.ADMITTED.value, ended_at=now, unattended_at=None)
    key = str(admitted.case_id)
    work.publish(PLACEMENTS, patient_admitted(admitted, used, found.request, at), key=key)
    work.publish(PLACEMENTS, request_closed(found.request, RequestEnd.ADMITTED, now), key=key)
    # What was reported before this was told may already contain the patient.
    absorbed = await absorb(work, [used], await work.offers.at_units([used.unit_id], {OfferStatus.ADMITTED}), now)
    await settle(work, {offer.unit_id, used.unit_id, *(other.unit_id for other in found.others)}, now)
    return absorbed.get(admitted.offer_id, admitted)
