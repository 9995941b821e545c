"""Webhooks: where an organisation wants to be told of its offers."""

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field
from starlette.responses import Response

from chassis.errors import Rejected
from chassis.http.answers import answer
from chassis.http.forms import Form
from chassis.http.route import Router
from chassis.security.auth import Caller
from placement.adapters.sql.queries import Row
from placement.adapters.sql.webhooks import webhook_row
from placement.application.remove_webhook import remove_webhook
from placement.application.set_webhook import set_webhook
from placement.domain.webhook import LONGEST_URL, DeliveryState, Told
from placement.entrypoints.api.wiring import Answerer, Served

router = Router(tags=["webhooks"])

Organisation = Annotated[str, Path(min_length=1, max_length=200, pattern=r"^[^/\x00-\x1f\x7f]+$")]


class WebhookForm(Form):
    """Where to."""

    url: Annotated[str, Field(max_length=LONGEST_URL, description="https, of a public address; redirects are not followed.")]


class LastDeliveryView(BaseModel):
    """The last thing that the organisation was told, or is to be told."""

    type: Told
    status: DeliveryState
    attempts: int
    last_attempt_at: datetime | None
    last_status: int | None
    delivered_at: datetime | None


class WebhookView(BaseModel):
    """A webhook; the secret is told only when it is set."""

    organisation: str
    url: str
    changed_at: datetime
    last_delivery: LastDeliveryView | None


class WebhookSetView(WebhookView):
    """A webhook that was just set."""

    secret: str = Field(description="Told this once: `whsec_` and base64, as Standard Webhooks has it.")


@router.put(
    "/webhooks/{organisation}",
    status_code=201,
    response_model=WebhookSetView,
    responses={200: {"model": WebhookSetView, "description": "It had a webhook; this takes its place."}},
    summary="Be told of offers at this address",
)
async def put_webhook(organisation: Organisation, *, body: WebhookForm, who: Answerer, served: Served) -> Response:
    """Each time with a new secret, which signs everything from now on; messages follow Standard Webhooks."""
    async with served.begin() as (tx, work):
        new = await set_webhook(work, organisation, body.url, seals=served.seal, allow_http=served.allow_http, who=who)
        row = await webhook_row(tx.connection, organisation)
        assert row is not None
        return answer(201 if new.is_first else 200, {**_webhook_view(row), "secret": new.secret}, headers={"Cache-Control": "no-store"})


@router.get("/webhooks/{organisation}", response_model=WebhookView, summary="An organisation's webhook")
async def get_webhook(organisation: Organisation, who: Answerer, served: Served) -> Response:
    """With what became of the last thing it was told."""
    async with served.reading() as queries:
        row = _theirs(who, organisation, await webhook_row(queries.connection, organisation))
    return answer(200, _webhook_view(row))


@router.delete("/webhooks/{organisation}", status_code=204, response_class=Response, summary="Be told no more")
async def delete_webhook(organisation: Organisation, who: Answerer, served: Served) -> Response:
    """What was not delivered yet will be shown as such."""
    async with served.begin() as (_, work):
        await remove_webhook(work, organisation, who)
    return Response(status_code=204)


def _theirs(who: Caller, organisation: str, row: Row | None) -> Row:
    if row is None or not who.covers(organisation):
        raise Rejected("webhook-not-found", "There is no such webhook.", status=404)
    return row


def _webhook_view(row: Row) -> dict[str, object]:
    last = {name: row[name] for name in ("attempts", "last_attempt_at", "last_status", "delivered_at")}
    return {
        **{name: row[name] for name in ("organisation", "url", "changed_at")},
        "last_delivery": {"type": row["told"], "status": row["state"], **last} if row["told"] is not None else None,
    }
