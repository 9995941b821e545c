"""Offers as the events that were told of them leave them."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from contracts.placement import (
    AtUnit,
    OfferAcceptedV1,
    OfferDeclinedV1,
    OfferEndedV1,
    OfferMadeV1,
    PatientAdmittedV1,
    PlacementReleasedV1,
    TransportLeftV1,
)
from placement.domain.offer import Offer
from placement.domain.states import OfferStatus

_FIRST_VERSION: Final = 1_000_001
"""Whoever saw an offer before the restore must never meet the same number with another token."""


def told_offers(events: Sequence[AtUnit], before: Mapping[UUID, Offer]) -> dict[UUID, Offer]:
    """What these events, in order, make of the offers that were known before, and of those that they tell of first."""
    offers = dict(before)
    for event in events:
        offer = offers.get(event.offer_id)
        if offer is None and isinstance(event, OfferMadeV1):
            offers[event.offer_id] = _made(event)
        elif offer is not None:
            offers[event.offer_id] = _after(offer, event)
    return offers


def _made(event: OfferMadeV1) -> Offer:
    return Offer(
        offer_id=event.offer_id,
        case_id=event.case_id,
        round=event.round,
        unit_id=event.unit_id,
        offered_unit_id=event.unit_id,
        organisation=event.organisation,
        status=OfferStatus.OFFERED,
        token=secrets.token_urlsafe(24),
        is_automatic=event.is_automatic,
        made_at=event.made_at,
        made_by=None,
        answer_by=event.answer_by,
        held_until=event.answer_by,
        accepted_at=None,
        left_at=None,
        admitted_at=None,
        ended_at=None,
        reason=None,
        warned_at=None,
        needs_confirmation=False,
        confirm_by=None,
        has_room=None,
        room_answered_at=None,
        absorbed_version=None,
        version=_FIRST_VERSION,
    )


def _after(offer: Offer, event: AtUnit) -> Offer:
    changes: dict[str, Any] = {}
    match event:
        case OfferAcceptedV1():
            changes = {"status": OfferStatus.ACCEPTED, "accepted_at": event.accepted_at, "held_until": event.held_until}
        case TransportLeftV1():
            changes = {"status": OfferStatus.UNDERWAY, "left_at": event.left_at}
        case PatientAdmittedV1():
            changes = {"status": OfferStatus.ADMITTED, "unit_id": event.unit_id, "admitted_at": event.admitted_at, "held_until": None}
        case OfferDeclinedV1():
            changes = {"status": OfferStatus.DECLINED, "ended_at": event.declined_at, "reason": event.reason}
        case OfferEndedV1():
            changes = {"status": OfferStatus(event.how.value), "ended_at": event.ended_at}
        case PlacementReleasedV1():
            changes = {"status": OfferStatus.RELEASED, "ended_at": event.released_at, "reason": event.why}
    if not changes:
        return offer
    # What was asked about room is asked again.
    return replace(offer, needs_confirmation=False, confirm_by=None, version=offer.version + 1, **changes)
