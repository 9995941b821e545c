"""No room after all where a patient was accepted: a second place is sought while the first is kept, until one of them is sure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from contracts.placement import PLACEMENTS, EscalatedTo
from placement.application.events import request_escalated, room_answered
from placement.application.holds import withdraw
from placement.application.ports import Work
from placement.application.searching import wake_at
from placement.domain.offer import Offer
from placement.domain.request import MOST_MOVES, Request
from placement.domain.room import Judgement, Said
from placement.domain.states import OfferStatus, RequestStatus
from placement.domain.unit import Unit

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Doubted:
    """A placement of which it is asked whether there is room; it, its request, the offers of a second place and the units are locked."""

    offer: Offer
    request: Request
    units: Mapping[UUID, Unit]
    others: tuple[Offer, ...]
    """Open offers of a second place."""

    @property
    def unit(self) -> Unit:
        return self.units[self.offer.unit_id]


async def doubted(work: Work, placement_ids: Collection[UUID]) -> list[Doubted]:
    """Lock what an answer about these placements touches."""
    found = await work.offers.find(placement_ids)
    requests = await work.requests.locked({offer.case_id for offer in found.values()})
    moving = [case_id for case_id, request in requests.items() if request.status is RequestStatus.MOVING]
    asked = await work.offers.of_requests(moving, {OfferStatus.OFFERED})
    units = await work.units.locked({offer.unit_id for offer in (*found.values(), *asked)})
    offers = await work.offers.locked({*found, *(offer.offer_id for offer in asked)})
    return [
        Doubted(
            offer=offers[offer_id],
            request=requests[offers[offer_id].case_id],
            units=units,
            others=tuple(offers[other.offer_id] for other in asked if other.case_id == offers[offer_id].case_id),
        )
        for offer_id in found
    ]


async def take_answer(work: Work, one: Doubted, said: Judgement, now: datetime) -> set[UUID]:
    """Keep whether there is room, and begin or end the search for a second place.

    Returns:
        The units at which something is no longer held; they are still to be settled.
    """
    # A figure is no answer: once it leaves room again, nothing is known but the figure.
    is_answer = said.how is not Said.FIGURES
    offer = await work.offers.change(
        one.offer,
        needs_confirmation=False,
        confirm_by=None,
        has_room=said.has_room if is_answer else None,
        room_answered_at=now if is_answer else None,
    )
    work.publish(PLACEMENTS, room_answered(offer, one.unit, said, now), key=str(offer.case_id))
    if not said.has_room:
        await _look_elsewhere(work, one.request, offer, now)
        return set()
    if one.request.status is not RequestStatus.MOVING:
        await work.requests.change(one.request)
        return set()
    await work.requests.move(one.request, RequestStatus.PLACED, unattended_at=None, is_on_top=False)
    await withdraw(work, one.others, one.units, now)
    return {other.unit_id for other in one.others}


async def _look_elsewhere(work: Work, request: Request, offer: Offer, now: datetime) -> None:
    is_underway = offer.status is OfferStatus.UNDERWAY
    log.warning("no room where a patient was accepted", offer_id=str(offer.offer_id), unit_id=str(offer.unit_id), is_underway=is_underway)
    if is_underway or request.moves >= MOST_MOVES:
        # Nobody who is on the way is sent elsewhere by itself, nor is anybody sent on for ever.
        work.publish(PLACEMENTS, request_escalated(request, EscalatedTo.COORDINATOR, None, now), key=str(request.case_id))
    if is_underway:
        await work.requests.change(request)
        return
    at = now + work.policy.unattended_after[request.urgency] if request.moves < MOST_MOVES else None
    moving = await work.requests.move(request, RequestStatus.MOVING, is_on_top=True, region_index=0, asked_in_region=0, unattended_at=at)
    if at is not None:
        await wake_at(work, moving, at)
