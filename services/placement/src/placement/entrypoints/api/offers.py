"""Offers: a place that is held while its provider is asked, and the answer."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from starlette.responses import Response

from chassis.database.sql import Transaction
from chassis.errors import Rejected
from chassis.http.answers import answer
from chassis.http.etag import etag
from chassis.http.idempotency import MaybeKey, once
from chassis.http.pages import Cursor, Limit, after, identifier, instant, next_link, page
from chassis.http.problems import rejection
from chassis.http.route import Router
from chassis.live import STREAM_RESPONSES, LastEventId, live_answer
from chassis.security.auth import Caller
from placement.adapters.sql.queries import Condition, Queries, Row, all_hold, where
from placement.application.accept_offer import accept_offer
from placement.application.confirm_room import confirm_room
from placement.application.decline_offer import decline_offer
from placement.domain.states import HOLDING, OfferStatus
from placement.entrypoints.api.forms import AcceptanceForm, ConfirmationForm, DeclineForm
from placement.entrypoints.api.sight import offer_sight, seen_offer
from placement.entrypoints.api.views import OffersView, OfferView, offer_view
from placement.entrypoints.api.wiring import Answerer, OfferReader, Seen, Served

router = Router(tags=["offers"])

Status = Annotated[OfferStatus | None, Query(description="Left out: all that hold a place.")]
Code = Annotated[str | None, Query(max_length=16)]


@router.get("/offers", response_model=OffersView, summary="Offers: a provider's own, a coordinator's region")
async def get_offers(
    request: Request,
    *,
    who: OfferReader,
    served: Served,
    status: Status = None,
    vr: Code = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """The newest first; those that ended in the last seven days only when their status is asked for, the last first."""
    is_ended = status is not None and status not in HOLDING
    conditions = (*offer_sight(who), *_wanted(status, vr))
    async with served.reading() as queries:
        found = await queries.offers(conditions, is_ended=is_ended, after=after(cursor, instant, identifier), limit=limit + 1)
    shown = found[:limit]
    last = (shown[-1]["ended_at" if is_ended else "made_at"], shown[-1]["id"]) if len(found) > limit else None
    return answer(200, page([offer_view(row, who) for row in shown]), headers=next_link(request, last))


@router.get("/offers/stream", response_class=Response, responses=STREAM_RESPONSES, summary="Offers that hold a place, live")
async def get_offers_stream(
    request: Request,
    *,
    who: OfferReader,
    served: Served,
    _: LastEventId = None,
    status: Status = None,
    vr: Code = None,
) -> Response:
    """First all that match, then each as it changes; one that holds no place any more is `gone`, and can be read by its id."""
    sight, wanted = offer_sight(who), _wanted(status, vr)
    condition, args = where((*sight, *wanted))
    return await live_answer(
        request,
        served.offers,
        lambda row: all_hold(wanted, row),
        lambda row: offer_view(row, who),
        may_know=lambda row: all_hold(sight, row),
        where=condition,
        args=args,
    )


@router.get("/offers/{offer_id}", response_model=OfferView, summary="An offer, and what became of it")
async def get_offer(offer_id: UUID, who: OfferReader, served: Served) -> Response:
    """With its `ETag`, which an answer names; the placement has the id of its offer."""
    async with served.reading() as queries:
        row = seen_offer(who, (await queries.offer_rows([offer_id])).get(offer_id))
    return shown(row, who)


@router.post("/offers/{offer_id}/acceptance", response_model=OfferView, summary="The provider takes the patient")
async def post_acceptance(offer_id: UUID, *, body: AcceptanceForm, who: Answerer, served: Served, seen: Seen, key: MaybeKey) -> Response:
    """The first one wins; too late or withdrawn is 409, and says what happened."""
    async with served.begin() as (tx, work):

        async def accept() -> Response:
            await accept_offer(work, offer_id, body.token, seen, who)
            return await shown_now(tx, offer_id, who)

        return await once(tx, key, accept)


@router.post("/offers/{offer_id}/decline", response_model=OfferView, summary="The provider does not take the patient")
async def post_decline(offer_id: UUID, *, body: DeclineForm, who: Answerer, served: Served, seen: Seen, key: MaybeKey) -> Response:
    """With a code; one that is not valid there is 422, and the offer stays open."""
    async with served.begin() as (tx, work):

        async def decline() -> Response:
            declined = await decline_offer(work, offer_id, body.token, body.reason, seen=seen, who=who)
            # Answered, not raised: that somebody refused for such a reason is told to the DPG, so it must be kept.
            return rejection(declined) if isinstance(declined, Rejected) else await shown_now(tx, offer_id, who)

        return await once(tx, key, decline)


@router.post("/offers/{offer_id}/confirmation", response_model=OfferView, summary="Whether there is room for an accepted patient")
async def post_confirmation(
    offer_id: UUID, *, body: ConfirmationForm, who: Answerer, served: Served, seen: Seen, key: MaybeKey
) -> Response:
    """Answers `needs_confirmation`; that there is room after all may be said until a second place is accepted. Else 409."""
    async with served.begin() as (tx, work):

        async def confirm() -> Response:
            await confirm_room(work, offer_id, body.token, has_room=body.has_room, seen=seen, who=who)
            return await shown_now(tx, offer_id, who)

        return await once(tx, key, confirm)


async def shown_now(tx: Transaction, offer_id: UUID, who: Caller) -> Response:
    """The offer as this transaction leaves it."""
    return shown((await Queries(tx.connection).offer_rows([offer_id]))[offer_id], who)


def shown(row: Row, who: Caller) -> Response:
    """An offer as an answer."""
    return answer(200, offer_view(row, who), headers={"ETag": etag(row["version"])})


def _wanted(status: OfferStatus | None, vr: str | None) -> tuple[Condition, ...]:
    asked = {"status": status, "region": vr}
    return tuple(Condition({column: frozenset({str(value)})}) for column, value in asked.items() if value is not None)
