"""What the answers of a provider have in common: whose answer it is, and whether it comes in time."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chassis.errors import Rejected
from chassis.http.etag import require_match
from chassis.security.auth import Caller
from placement.application.permission import may_answer
from placement.application.ports import Work
from placement.application.telling import too_late
from placement.domain.offer import Offer
from placement.domain.request import Request
from placement.domain.states import PLACEMENTS_NOW, OfferStatus
from placement.domain.unit import Unit


@dataclass(frozen=True, slots=True)
class Question:
    """An offer that is being answered; its request, all that is held for that, and the units are locked."""

    offer: Offer
    request: Request
    unit: Unit
    units: Mapping[UUID, Unit]
    others: tuple[Offer, ...]
    """The other open offers of the request."""
    kept: Offer | None
    """Where the patient has a place until a second one is found, because there is no room."""
    now: datetime


async def answerable(work: Work, offer_id: UUID, who: Caller) -> Offer:
    """Read an offer without a lock, to know what must be locked, and see that this caller answers for its unit.

    Raises:
        Rejected: 404, 403.
    """
    found = (await work.offers.find([offer_id])).get(offer_id)
    if found is None:
        raise Rejected("offer-not-found", "There is no such offer.", status=404)
    may_answer(who, found)
    return found


def require_told(offer: Offer, token: str, seen: str) -> None:
    """See that who answers was told of this offer, as it is now.

    Raises:
        Rejected: 403 for another token; 412 when another version was seen.
    """
    if not hmac.compare_digest(offer.token.encode(), token.encode()):
        raise Rejected("wrong-token", "This is not the token of this offer.", status=403)
    require_match(seen, offer.version)


async def question(work: Work, offer_id: UUID, token: str, seen: str, who: Caller) -> Question:
    """Lock what an answer touches, and see that it may be given.

    Raises:
        Rejected: 404, 403; 409 with what happened when it comes too late, whatever version was seen; then 403 for another token, 412.
    """
    found = await answerable(work, offer_id, who)
    request = (await work.requests.locked([found.case_id]))[found.case_id]
    held = await work.offers.of_requests([found.case_id], {OfferStatus.OFFERED, *PLACEMENTS_NOW})
    units = await work.units.locked({found.unit_id, *(offer.unit_id for offer in held)})
    offers = await work.offers.locked([offer_id, *(offer.offer_id for offer in held)])
    offer = offers[offer_id]
    now = await work.now()
    if not (offer.is_open and request.is_seeking and offer.round == request.round and offer.answer_by > now):
        raise too_late(offer)
    require_told(offer, token, seen)
    others = tuple(other for other in offers.values() if other.offer_id != offer_id and other.is_open)
    # Its status is looked at again, now that it is locked: the patient may be there by now.
    kept = next((other for other in offers.values() if other.offer_id != offer_id and other.status is OfferStatus.ACCEPTED), None)
    return Question(offer, request, units[offer.unit_id], units, others, kept, now)
