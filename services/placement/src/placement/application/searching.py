"""When a search goes on by itself."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from placement.application.ports import Due, Work
from placement.application.timers import REQUEST_UNATTENDED
from placement.domain.request import Request
from placement.domain.states import OfferStatus


async def go_on_at(work: Work, request: Request, at: datetime) -> Request:
    """Let the automatic search of a locked request go on then, unless somebody acts before."""
    request = await work.requests.change(request, unattended_at=at)
    await wake_at(work, request, at)
    return request


async def wake_at(work: Work, request: Request, at: datetime) -> None:
    """The timer of what the request itself says about its search."""
    # With the version, so that it is never one that the worker is just taking.
    await work.timers.set(REQUEST_UNATTENDED, [Due(f"{request.case_id}/{request.version}", at)])


async def after_offers_ended(work: Work, requests: Collection[Request], now: datetime) -> None:
    """Of these locked requests, let those go on at once that nobody has to answer any more."""
    asked: set[UUID] = {offer.case_id for offer in await work.offers.of_requests([one.case_id for one in requests], {OfferStatus.OFFERED})}
    for request in requests:
        await after_offer_ended(work, request, now, is_asked=request.case_id in asked)


async def after_offer_ended(work: Work, request: Request, now: datetime, *, is_asked: bool) -> None:
    """Let a locked request go on at once, unless somebody else still has to answer it."""
    if request.is_searched and not is_asked:
        await go_on_at(work, request, now)
    else:
        await work.requests.change(request)
