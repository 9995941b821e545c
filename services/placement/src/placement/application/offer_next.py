"""Nobody acts, or nobody took the patient: the next candidate gets its offer by itself."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from contracts.placement import PLACEMENTS, EscalatedTo
from placement.application.events import request_escalated
from placement.application.holds import settle
from placement.application.offering import default_answer_by, offer_place
from placement.application.ports import Work
from placement.application.searching import go_on_at
from placement.domain.matching import rank
from placement.domain.offer import Offer
from placement.domain.request import Request
from placement.domain.states import OfferStatus, RequestStatus
from placement.domain.unit import Unit

# The first may be gone by the time its row is locked; further ones than these are ranked anew.
_LOOKED_AT = 3


@dataclass(frozen=True, slots=True)
class _Search:
    request: Request
    """With the region that it has come to."""
    candidates: tuple[Unit, ...]
    """Whom to ask there, best first; none when no region has anybody."""


async def offer_next(work: Work, case_ids: Collection[UUID], now: datetime) -> None:
    """Of these requests, offer those that are due to their best candidate: in their own region, then in its neighbours; then LCPS looks.

    Args:
        work: the transaction.
        case_ids: whose timers went off.
        now: the database's clock.
    """
    known = await work.requests.locked(case_ids)
    due = [one for one in await _with_asked_units(work, known) if _is_due(one, now)]
    searches = [await _search(work, request, now) for request in sorted(due, key=_first_served)]

    given_over = [search.request.case_id for search in searches if not search.candidates]
    kept = {offer.case_id: offer for offer in await work.offers.of_requests(given_over, {OfferStatus.ACCEPTED})}
    candidates = {unit.unit_id for search in searches for unit in search.candidates}
    units = await work.units.locked({*candidates, *(offer.unit_id for offer in kept.values())})
    touched = set()
    for search in searches:
        if not search.candidates:
            await _give_over(work, search.request, kept.get(search.request.case_id))
        elif offer := await _offer(work, search.request, [units[unit.unit_id] for unit in search.candidates], now):
            await work.requests.change(
                search.request,
                region_index=search.request.region_index,
                asked_in_region=search.request.asked_in_region + 1,
                unattended_at=None,
            )
            touched.add(offer.unit_id)
        else:
            # All of them went to others meanwhile.
            stays = await work.requests.change(
                search.request, region_index=search.request.region_index, asked_in_region=search.request.asked_in_region
            )
            await go_on_at(work, stays, now)
    await settle(work, touched, now)


async def _with_asked_units(work: Work, requests: Mapping[UUID, Request]) -> list[Request]:
    """Of these locked requests those that nobody has to answer, with whom was asked in their rounds."""
    asked: dict[UUID, set[UUID]] = {case_id: set() for case_id in requests}
    for offer in await work.offers.of_requests(list(requests), set(OfferStatus)):
        if offer.is_open:
            asked.pop(offer.case_id, None)
        elif offer.case_id in asked and offer.round == requests[offer.case_id].round:
            asked[offer.case_id].add(offer.offered_unit_id)
    return [replace(requests[case_id], asked_units=frozenset(units)) for case_id, units in asked.items()]


def _is_due(request: Request, now: datetime) -> bool:
    return request.is_searched and request.unattended_at is not None and request.unattended_at <= now


def _first_served(request: Request) -> tuple[str, bool, datetime, UUID]:
    return (request.urgency, not request.is_on_top, request.requested_at, request.case_id)


async def _search(work: Work, request: Request, now: datetime) -> _Search:
    """Look for candidates region by region, and say whenever it goes wider."""
    while not request.is_escalated:
        if request.asked_in_region < work.policy.asked_per_region:
            found = rank(request, await work.units.suitable(request), now).candidates[:_LOOKED_AT]
            if found:
                return _Search(request, tuple(candidate.unit for candidate in found))
        request = replace(request, region_index=request.region_index + 1, asked_in_region=0)
        to, region = (EscalatedTo.LCPS, None) if request.is_escalated else (EscalatedTo.ROAZ, request.current_region)
        work.publish(PLACEMENTS, request_escalated(request, to, region, now), key=str(request.case_id))
    return _Search(request, ())


async def _give_over(work: Work, request: Request, kept: Offer | None) -> None:
    """LCPS looks from now on; a place that the patient has until then stays theirs."""
    stands_at = {"region_index": request.region_index, "asked_in_region": 0, "unattended_at": None}
    if kept is None:
        await work.requests.move(request, RequestStatus.BIJ_LCPS, **stands_at)
        return
    await work.requests.change(request, **stands_at)
    # It is LCPS's to see from now on, also for who follows the offers live.
    await work.offers.change(kept)


async def _offer(work: Work, request: Request, units: Sequence[Unit], now: datetime) -> Offer | None:
    for unit in units:
        if offer := await offer_place(work, request, unit, default_answer_by(work, request, now), now=now, made_by=None):
            return offer
    return None
