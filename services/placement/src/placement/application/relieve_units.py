"""More was held than free for too long: who still waits for an answer gives way, who was accepted is asked about."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

import structlog

from contracts.placement import PLACEMENTS
from placement.application.events import offer_withdrawn
from placement.application.holds import end_hold, settle
from placement.application.ports import Due, Work
from placement.application.searching import after_offers_ended
from placement.application.timers import ROOM_JUDGED, UNIT_OVERCOMMITTED
from placement.domain.offer import Offer
from placement.domain.request import Request
from placement.domain.room import is_answered
from placement.domain.states import PLACEMENTS_NOW, OfferStatus
from placement.domain.unit import Unit
from placement.domain.webhook import Told

log = structlog.get_logger(__name__)


async def relieve_units(work: Work, unit_ids: Collection[UUID], now: datetime) -> None:
    """Withdraw open offers on these units, least urgent first, then youngest, until all that is held has room.

    An accepted hold never moves by a figure alone: the provider is asked whether there is room, and answers in time or has none.

    Args:
        work: the transaction.
        unit_ids: whose timers went off.
        now: the database's clock.
    """
    asked = await work.offers.at_units(unit_ids, {OfferStatus.OFFERED, *PLACEMENTS_NOW})
    requests = await work.requests.locked({offer.case_id for offer in asked})
    units = await work.units.locked(unit_ids)
    touched: dict[UUID, Request] = {}
    relieved: list[UUID] = []
    for unit in units.values():
        if unit.overcommitted_since is None or unit.overcommitted_since + work.policy.overcommitted_for > now or not unit.is_overcommitted:
            continue
        there = await work.offers.at_units([unit.unit_id], {OfferStatus.OFFERED, *PLACEMENTS_NOW})
        if unmet := [offer for offer in there if offer.case_id not in requests]:
            # Offered between our first look and the lock; requests are locked before units, so it is the next look that meets it.
            log.info("looks again", unit_id=str(unit.unit_id), offers=len(unmet))
            await work.timers.set(UNIT_OVERCOMMITTED, [Due(f"{unit.unit_id}/{now.timestamp():.6f}", now)])
            continue
        first_to_go = sorted((one for one in there if one.is_open), key=lambda one: _gives_way(one, requests[one.case_id]))
        # What the figures name does not count beside them, so its end makes no room.
        withdrawn = await _withdraw(work, unit, [one for one in first_to_go if one.offer_id not in unit.includes_holds], now)
        touched |= {offer.case_id: requests[offer.case_id] for offer in withdrawn}
        relieved.append(unit.unit_id)
        if _excess(unit, withdrawn) > 0:
            await _ask(work, unit, [one for one in there if not one.is_open], requests, now)
            # A report that no longer names a hold makes it count again, and then somebody else is asked about.
            await work.timers.set(UNIT_OVERCOMMITTED, [Due(f"{unit.unit_id}/{now.timestamp():.6f}", now + work.policy.overcommitted_for)])
    await after_offers_ended(work, [touched[case_id] for case_id in sorted(touched)], now)
    await settle(work, relieved, now)


def _gives_way(offer: Offer, request: Request) -> tuple[int, float, UUID]:
    """Least urgent first, then youngest."""
    return (-int(request.urgency[1:]), -offer.made_at.timestamp(), offer.offer_id)


def _excess(unit: Unit, withdrawn: Collection[Offer]) -> int:
    return unit.held - max(0, unit.free or 0) - len(withdrawn)


async def _withdraw(work: Work, unit: Unit, offers: Collection[Offer], now: datetime) -> list[Offer]:
    withdrawn: list[Offer] = []
    for offer in offers:
        if _excess(unit, withdrawn) <= 0:
            break
        ended = await end_hold(work, offer, OfferStatus.WITHDRAWN, now)
        if ended is not None:
            work.publish(PLACEMENTS, offer_withdrawn(ended, unit, now), key=str(ended.case_id))
            withdrawn.append(ended)
    return withdrawn


async def _ask(work: Work, unit: Unit, placed: Collection[Offer], requests: Mapping[UUID, Request], now: datetime) -> None:
    for offer in placed:
        if offer.confirm_by is not None or offer.has_room is False or offer.offer_id in unit.includes_holds or is_answered(offer, unit):
            continue
        request = requests[offer.case_id]
        confirm_by = now + work.policy.answer_within[request.urgency]
        await work.offers.change(offer, needs_confirmation=True, confirm_by=confirm_by)
        await work.requests.change(request)
        await work.timers.set(ROOM_JUDGED, [Due(f"{offer.offer_id}/{now.timestamp():.6f}", confirm_by)])
        await work.webhooks.tell(offer.offer_id, Told.ROOM_ASKED)
        log.warning("accepted hold has no room in the figures", offer_id=str(offer.offer_id), unit_id=str(unit.unit_id))
