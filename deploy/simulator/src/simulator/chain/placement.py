"""Placement's routes, as coordinators and providers use them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

from simulator.client import Api, checked

REQUESTS = "/placement/v1/requests"
OFFERS = "/placement/v1/offers"
PLACEMENTS = "/placement/v1/placements"

Body = dict[str, Any]


async def candidates(api: Api, case_id: str, unit_id: str | None = None) -> Body:
    """Who can be asked, best first, and why the others cannot; with a unit, also why it stands where it does."""
    query = {} if unit_id is None else {"unit_id": unit_id}
    ranked: Body = (await api.get(f"{REQUESTS}/{case_id}/candidates", query)).json()
    return ranked


async def make_offers(api: Api, case_id: str, unit_ids: Sequence[str], answer_by: datetime, key: str | None = None) -> list[Body]:
    """Ask these units at once; gives what became of each.

    Raises:
        Refused: none of them has a place any more, among other things.
    """
    body = {"unit_ids": list(unit_ids), "answer_by": answer_by.isoformat()}
    results: list[Body] = checked(await api.post(f"{REQUESTS}/{case_id}/offers", body, key=key)).json()["results"]
    return results


async def read_offer(api: Api, offer_id: str) -> Body:
    """An offer as it is now, with the token by which it is answered."""
    offer: Body = (await api.get(f"{OFFERS}/{offer_id}")).json()
    return offer


async def accept(api: Api, offer: Body) -> httpx.Response:
    """The provider takes the patient; a refusal is an answer that the caller reads."""
    return await api.post(f"{OFFERS}/{offer['offer_id']}/acceptance", {"token": offer["token"]}, seen=tag(offer))


async def decline(api: Api, offer: Body, reason: str) -> httpx.Response:
    """The provider does not take the patient; a refusal is an answer that the caller reads."""
    return await api.post(f"{OFFERS}/{offer['offer_id']}/decline", {"token": offer["token"], "reason": reason}, seen=tag(offer))


async def send_transport(api: Api, placement: Body) -> Body:
    """The patient is on the way."""
    return await _on_the_way(api, placement, "transport", {})


async def admit(api: Api, placement: Body) -> Body:
    """The patient is there."""
    return await _on_the_way(api, placement, "admission", {})


async def give_up(api: Api, placement: Body, reason: str) -> Body:
    """The patient does not come after all."""
    return await _on_the_way(api, placement, "release", {"reason": reason})


async def _on_the_way(api: Api, placement: Body, step: str, body: Body) -> Body:
    after: Body = checked(await api.post(f"{PLACEMENTS}/{placement['offer_id']}/{step}", body, seen=tag(placement))).json()
    return after


def tag(view: Mapping[str, Any]) -> str:
    """The ETag of something that was read in a list or stream."""
    return f'"{view["version"]}"'
