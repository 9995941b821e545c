"""The provider says whether there is room for a patient whom it accepted, though its figures leave none."""

from uuid import UUID

from chassis.errors import Rejected
from chassis.security.auth import Caller
from placement.application.answering import answerable, require_told
from placement.application.holds import settle
from placement.application.ports import Work
from placement.application.second_place import doubted, take_answer
from placement.application.telling import too_late
from placement.domain.offer import Offer
from placement.domain.room import Judgement, Said
from placement.domain.states import PLACEMENTS_NOW


async def confirm_room(work: Work, offer_id: UUID, token: str, *, has_room: bool, seen: str, who: Caller) -> Offer:
    """Keep the place, and ask no more on this figure; or look for a second place while this one is kept.

    That there is room after all may be said until a second place is accepted, asked or not.

    Args:
        work: the transaction.
        offer_id: which placement; it has the id of its offer.
        token: the one that came with the offer.
        has_room: whether there is a place for this patient.
        seen: the `If-Match` header.
        who: whose unit it is.

    Raises:
        Rejected: 404, 403; 409 when it is no placement, or no more, or nobody asks; then 403 for another token, 412.
    """
    await answerable(work, offer_id, who)
    (one,) = await doubted(work, [offer_id])
    now = await work.now()
    if one.offer.is_open:
        raise Rejected("offer-not-accepted", "This offer was not accepted yet.", status=409)
    if one.offer.status not in PLACEMENTS_NOW:
        raise too_late(one.offer)
    if not one.offer.needs_confirmation and not (has_room and one.offer.has_room is False):
        raise Rejected("room-not-asked", "Nobody asks whether there is room for this patient.", status=409)
    require_told(one.offer, token, seen)
    await settle(work, await take_answer(work, one, Judgement(has_room=has_room, how=Said.PROVIDER), now), now)
    return (await work.offers.find([offer_id]))[offer_id]
