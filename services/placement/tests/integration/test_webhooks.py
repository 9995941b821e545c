"""A provider is told of its offers at its own address, and a coordinator sees when that did not succeed."""

import asyncio
import json
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import REGISTRY
from standardwebhooks import Webhook, WebhookVerificationError

from chassis.security.auth import Caller
from chassis.security.roles import Role
from chassis.testing.waiting import eventually
from placement.adapters.sealing import SecretSeal
from placement.adapters.sql.deliveries import SqlDeliveries
from placement.adapters.webhook_post import WebhookPost
from placement.application.bring_messages import Courier
from placement.application.expire_offers import expire_offers
from placement.application.make_offers import make_offers
from placement.entrypoints.webhooks import bring_messages

ZORGGROEP = "zorggroep-oost"
THEIRS = {"role": Role.PROVIDER, "org": ZORGGROEP, "region": None}
COORDINATOR = Caller("coordinator-1", Role.COORDINATOR, region="VR04")
WEBHOOK = f"webhooks/{ZORGGROEP}"

# What the worker does with webhooks, in a process of its own.
COURIER = """
import asyncio
from chassis.database.sql import Database
from placement.config import PlacementSettings
from placement.entrypoints.webhooks import bring_messages

async def main():
    settings = PlacementSettings.from_environment("placement")
    database = Database(settings.database_url)
    await database.open()
    await bring_messages(database, settings.keys_dir, allow_loopback=True)

asyncio.run(main())
"""


@dataclass
class Receiver:
    """A provider's system: answers what it is told to answer, and remembers what it got."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    """The next ones; 204 when there are none."""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self):
        self.may_answer.set()

    async def take(self, request):
        self.got.append((dict(request.headers), await request.read()))
        self.paths.append(request.path)
        await self.may_answer.wait()
        status = self.answers.pop(0) if self.answers else 204
        return web.Response(status=status, headers={"Location": "/elsewhere"} if 300 <= status < 400 else {})

    @property
    def messages(self):
        return [json.loads(body) for _, body in self.got]

    @property
    def ids(self):
        return [headers["webhook-id"] for headers, _ in self.got]


@pytest_asyncio.fixture
async def receiver():
    one = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", one.take)
    async with TestServer(app, host="127.0.0.1") as server:
        one.url = str(server.make_url("/offers"))
        yield one


@pytest_asyncio.fixture
async def courier(placement):
    """The worker's, one round at a time."""
    async with WebhookPost.open(SecretSeal.of(placement.settings.keys_dir), allow_loopback=True) as post:
        yield Courier(SqlDeliveries(placement.database), post)


async def told(placement, receiver):
    """The secret of a provider that wants to be told."""
    answer = await placement.send("PUT", WEBHOOK, {"url": receiver.url}, **THEIRS)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()["secret"]


async def round_of(courier):
    messages = await courier.take(20)
    for message in messages:
        await courier.bring(message)
    return len(messages)


async def delivery_of(placement, offer, **who):
    answer = await placement.get(f"offers/{offer.offer_id}", **who)
    assert answer.status_code == 200, answer.text
    return answer.json()["delivery"]


async def test_an_offer_is_told_once_with_what_an_answer_needs_and_the_provider_can_verify_it(placement, receiver, courier):
    secret = await told(placement, receiver)
    case_id, unit_id = await placement.request(), await placement.unit()
    offer = await placement.offered(case_id, unit_id)
    assert (await delivery_of(placement, offer))["status"] == "PENDING"

    assert await round_of(courier) == 1
    assert await round_of(courier) == 0

    (message,) = receiver.messages
    headers, body = receiver.got[0]
    assert Webhook(secret).verify(body, headers) == message
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.replace(b"U3", b"U2"), headers)
    assert message.pop("answer_by")
    assert message == {
        "type": "offer.made",
        "offer_id": str(offer.offer_id),
        "case_id": str(case_id),
        "unit_id": str(unit_id),
        "status": "OFFERED",
        "care_type": "ELV_HOOG",
        "cohort": "GEEN",
        "urgency": "U3",
        "token": offer.token,
        "etag": '"1"',
    }
    # Enough to answer with.
    accepted = await placement.post(
        f"offers/{message['offer_id']}/acceptance", {"token": message["token"]}, headers={"If-Match": message["etag"]}, **THEIRS
    )
    assert accepted.status_code == 200
    for who in ({}, THEIRS):
        delivery = await delivery_of(placement, offer, **who)
        assert (delivery["status"], delivery["attempts"]) == ("DELIVERED", 1)
        assert delivery["last_attempt_at"] is not None


async def test_an_offer_that_ends_without_its_provider_is_told_too(placement, receiver, courier):
    await told(placement, receiver)
    withdrawn = await placement.offered(case_id := await placement.request(), await placement.unit())
    await round_of(courier)
    await placement.cancel(case_id)
    await round_of(courier)

    await placement.offered(await placement.request(), await placement.unit())
    await round_of(courier)
    await placement.later(hours=3)
    # What the worker's timers do; the shifted clock is not theirs to trust.
    await expire(placement)
    await round_of(courier)

    assert [(one["type"], one["status"]) for one in receiver.messages] == [
        ("offer.made", "OFFERED"),
        ("offer.ended", "WITHDRAWN"),
        ("offer.made", "OFFERED"),
        ("offer.ended", "EXPIRED"),
    ]
    assert receiver.messages[1]["offer_id"] == str(withdrawn.offer_id)
    assert receiver.messages[1]["etag"] == '"2"'
    assert len(set(receiver.ids)) == 4


async def expire(placement):
    open_offers = [row["offer_id"] for row in await placement.rows("select offer_id from offers where status = 'OFFERED'")]
    async with placement.work() as work:
        await expire_offers(work, open_offers, await work.now())


async def test_what_a_provider_answers_itself_is_not_told_to_it(placement, receiver, courier):
    await told(placement, receiver)
    offer = await placement.offered(await placement.request(), await placement.unit())
    await round_of(courier)

    await placement.decline(offer)
    await round_of(courier)

    assert [one["type"] for one in receiver.messages] == ["offer.made"]


async def test_a_provider_is_asked_for_room_each_time_and_told_when_the_patient_goes_elsewhere(placement, receiver, courier):
    await told(placement, receiver)
    case_id, unit_id = await placement.request(), await placement.unit()
    offer = await placement.offered(case_id, unit_id)
    await placement.accept(offer)
    for has_room in (True, False):
        await placement.reports(unit_id, occupied=10, free=0)
        await placement.later(seconds=61)
        await placement.timers_go_off()
        await round_of(courier)
        asked = receiver.messages[-1]
        confirmed = await placement.post(
            f"offers/{asked['offer_id']}/confirmation",
            {"token": asked["token"], "has_room": has_room},
            headers={"If-Match": asked["etag"]},
            **THEIRS,
        )
        assert confirmed.status_code == 200, confirmed.text
    second = await placement.offered(case_id, await placement.unit())
    await placement.accept(second)
    await round_of(courier)

    about_first = [(one["type"], one["status"]) for one in receiver.messages if one["offer_id"] == str(offer.offer_id)]
    assert about_first == [("room.asked", "ACCEPTED"), ("room.asked", "ACCEPTED"), ("offer.ended", "RELEASED")]
    assert len(set(receiver.ids)) == len(receiver.ids)


async def test_a_question_that_needs_no_answer_any_more_is_not_brought(placement, receiver, courier):
    await told(placement, receiver)
    case_id, unit_id = await placement.request(), await placement.unit()
    await placement.accept(await placement.offered(case_id, unit_id))
    await placement.reports(unit_id, occupied=10, free=0)
    await placement.later(seconds=61)
    await placement.timers_go_off()

    await placement.reports(unit_id, occupied=9, free=1)
    await round_of(courier)

    assert receiver.messages == []


async def test_a_receiver_that_stumbles_twice_gets_the_same_message_until_it_takes_it(placement, receiver, courier):
    await told(placement, receiver)
    receiver.answers = [500, 503]
    offer = await placement.offered(await placement.request(), await placement.unit())

    assert await round_of(courier) == 1
    assert await round_of(courier) == 0
    await placement.later(seconds=5)
    assert await round_of(courier) == 1
    await placement.later(seconds=5)
    assert await round_of(courier) == 0
    await placement.later(seconds=5)
    assert await round_of(courier) == 1
    await placement.later(minutes=10)
    assert await round_of(courier) == 0

    assert len(receiver.got) == 3
    assert len(set(receiver.ids)) == 1
    assert len({body for _, body in receiver.got}) == 1
    delivery = await delivery_of(placement, offer)
    assert (delivery["status"], delivery["attempts"]) == ("DELIVERED", 3)


async def test_what_nobody_took_by_the_answer_deadline_is_shown_as_not_delivered(placement, receiver, courier):
    await told(placement, receiver)
    before = REGISTRY.get_sample_value("schakel_placement_webhooks_not_delivered_total") or 0
    receiver.answers = [500] * 100
    offer = await placement.offered(await placement.request(), await placement.unit())
    while await placement.now() < offer.answer_by:
        await round_of(courier)
        assert (await delivery_of(placement, offer))["status"] == "PENDING"
        await placement.later(minutes=5)
    tried = len(receiver.got)

    assert await round_of(courier) == 0

    # Half an hour to answer, and five minutes between our looks.
    assert tried == 6
    for who in ({}, THEIRS):
        delivery = await delivery_of(placement, offer, **who)
        assert (delivery["status"], delivery["attempts"]) == ("NOT_DELIVERED", tried)
    assert REGISTRY.get_sample_value("schakel_placement_webhooks_not_delivered_total") == before + 1
    last = (await placement.get(WEBHOOK, **THEIRS)).json()["last_delivery"]
    assert (last["type"], last["status"], last["last_status"]) == ("offer.made", "NOT_DELIVERED", 500)


async def test_a_short_time_to_answer_does_not_wait_for_the_next_attempt_to_be_shown_as_not_delivered(placement, receiver, courier):
    await told(placement, receiver)
    receiver.answers = [500]
    soon = await placement.now() + timedelta(seconds=4)
    offer = await placement.offered(await placement.request(), await placement.unit(), answer_by=soon)
    await round_of(courier)

    await placement.later(seconds=4)
    await round_of(courier)

    assert (await delivery_of(placement, offer))["status"] == "NOT_DELIVERED"


async def test_an_offer_that_is_over_is_not_told_any_more(placement, receiver, courier):
    await told(placement, receiver)
    receiver.answers = [500]
    offer = await placement.offered(case_id := await placement.request(), await placement.unit())
    await round_of(courier)
    await placement.cancel(case_id)
    await round_of(courier)
    await placement.later(minutes=1)
    assert await round_of(courier) == 0

    assert [one["type"] for one in receiver.messages] == ["offer.made", "offer.ended"]
    assert (await delivery_of(placement, offer))["status"] == "NOT_DELIVERED"


async def test_nobody_who_listens_is_a_failed_attempt(placement, receiver, courier):
    receiver.url = "http://127.0.0.1:9/offers"
    await told(placement, receiver)
    offer = await placement.offered(await placement.request(), await placement.unit())

    await round_of(courier)

    delivery = await delivery_of(placement, offer)
    assert (delivery["status"], delivery["attempts"]) == ("PENDING", 1)


async def test_who_never_answers_is_not_waited_for(placement, receiver):
    await told(placement, receiver)
    offer = await placement.offered(await placement.request(), await placement.unit())

    receiver.may_answer.clear()
    async with WebhookPost.open(SecretSeal.of(placement.settings.keys_dir), allow_loopback=True, longest_seconds=0.3) as post:
        courier = Courier(SqlDeliveries(placement.database), post)
        assert await round_of(courier) == 1
    receiver.may_answer.set()

    delivery = await delivery_of(placement, offer)
    assert (len(receiver.got), delivery["status"], delivery["attempts"]) == (1, "PENDING", 1)


async def test_who_dies_between_sending_and_noting_it_sends_the_same_again(placement, receiver, courier):
    await told(placement, receiver)
    offer = await placement.offered(await placement.request(), await placement.unit())
    (message,) = await courier.take(20)
    await courier.post(message)

    # Nobody else takes it while it may still be on the way.
    assert await round_of(courier) == 0
    await placement.later(seconds=31)
    assert await round_of(courier) == 1

    assert len(receiver.got) == 2
    assert len(set(receiver.ids)) == 1
    assert (await delivery_of(placement, offer))["status"] == "DELIVERED"


async def test_a_courier_that_is_killed_while_it_waits_for_the_answer_is_followed_by_one_that_sends_the_same(
    placement, receiver, courier, processes
):
    await told(placement, receiver)
    offer = await placement.offered(await placement.request(), await placement.unit())
    receiver.may_answer.clear()
    environment = {"DATABASE_URL": placement.settings.database_url, "KEYS_DIR": str(placement.settings.keys_dir)}
    alone = processes.start_command("courier", (sys.executable, "-c", COURIER), env=environment)
    await eventually(lambda: receiver.got, timeout=20, what="the message is under way")

    alone.kill9()
    receiver.may_answer.set()
    await placement.later(seconds=31)
    assert await round_of(courier) == 1

    assert len(receiver.got) == 2
    assert len(set(receiver.ids)) == 1
    delivery = await delivery_of(placement, offer)
    assert (delivery["status"], delivery["attempts"]) == ("DELIVERED", 2)


async def test_two_workers_do_not_bring_the_same(placement, receiver, courier):
    await told(placement, receiver)
    unit_id = await placement.unit(free=10)
    for _ in range(10):
        await placement.offered(await placement.request(), unit_id)

    taken = await asyncio.gather(*(courier.take(3) for _ in range(4)))

    ids = [message.delivery_id for some in taken for message in some]
    assert len(ids) == len(set(ids)) == 10


async def test_a_redirect_is_not_followed(placement, receiver, courier):
    await told(placement, receiver)
    receiver.answers = [307]
    offer = await placement.offered(await placement.request(), await placement.unit())

    await round_of(courier)

    assert receiver.paths == ["/offers"]
    assert (await delivery_of(placement, offer))["status"] == "PENDING"


async def test_where_nobody_said_so_our_own_machine_is_not_reached(placement, receiver):
    await told(placement, receiver)
    await placement.offered(await placement.request(), await placement.unit())
    async with WebhookPost.open(SecretSeal.of(placement.settings.keys_dir), allow_loopback=False) as post:
        await round_of(Courier(SqlDeliveries(placement.database), post))

    assert receiver.got == []


async def test_who_has_no_webhook_is_not_told_and_that_shows(placement, receiver, courier):
    await told(placement, receiver)
    offer = await placement.offered(await placement.request(), await placement.unit(organisation="thuis-best"))

    assert await round_of(courier) == 0

    assert await delivery_of(placement, offer) == {"status": "NONE", "attempts": 0, "last_attempt_at": None}


async def test_an_offer_that_is_not_made_after_all_is_not_told(placement, receiver, courier):
    await told(placement, receiver)
    case_id, unit_id = await placement.request(), await placement.unit()
    with suppress(ZeroDivisionError):
        async with placement.work() as work:
            await make_offers(work, case_id, [unit_id], None, COORDINATOR)
            raise ZeroDivisionError

    assert await round_of(courier) == 0
    assert await placement.rows("select from webhook_deliveries") == []


async def test_a_secret_is_told_once_and_stands_nowhere(placement, receiver, courier):
    answer = await placement.send("PUT", WEBHOOK, {"url": receiver.url}, **THEIRS)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    first = answer.json()["secret"]

    again = await placement.get(WEBHOOK, **THEIRS)
    assert (again.status_code, again.json()["url"], again.json()["last_delivery"]) == (200, receiver.url, None)
    assert first not in again.text
    (row,) = await placement.rows("select sealed_secret from webhooks")
    assert first.encode() not in row["sealed_secret"]

    answer = await placement.send("PUT", WEBHOOK, {"url": receiver.url}, **THEIRS)
    assert answer.status_code == 200
    assert answer.json()["secret"] != first
    await placement.offered(await placement.request(), await placement.unit())
    await round_of(courier)
    assert Webhook(answer.json()["secret"]).verify(receiver.got[0][1], receiver.got[0][0])


async def test_whoever_takes_the_webhook_away_is_told_no_more(placement, receiver, courier):
    await told(placement, receiver)
    offer = await placement.offered(await placement.request(), await placement.unit())

    assert (await placement.send("DELETE", WEBHOOK, **THEIRS)).status_code == 204
    assert (await placement.send("DELETE", WEBHOOK, **THEIRS)).status_code == 404
    assert (await placement.get(WEBHOOK, **THEIRS)).status_code == 404
    assert await round_of(courier) == 0
    await placement.later(hours=3)
    assert await round_of(courier) == 0

    assert receiver.got == []
    assert (await delivery_of(placement, offer))["status"] == "NOT_DELIVERED"


@pytest.mark.parametrize("url", ["http://zorggroep.example/", "ftp://zorggroep.example/", "https://a:b@zorggroep.example/", "", "x" * 3000])
async def test_an_address_that_cannot_be_one_is_refused_and_not_repeated(placement, url):
    answer = await placement.send("PUT", WEBHOOK, {"url": url}, **THEIRS)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/url"
    assert not url or url not in answer.text


async def test_a_webhook_is_its_organisations_own(placement, receiver):
    await told(placement, receiver)
    others = {"role": Role.PROVIDER, "org": "thuis-best", "region": None}

    assert (await placement.get(WEBHOOK, **others)).status_code == 404
    assert (await placement.send("PUT", WEBHOOK, {"url": receiver.url}, **others)).status_code == 403
    assert (await placement.send("DELETE", WEBHOOK, **others)).status_code == 403
    assert (await placement.get(WEBHOOK)).status_code == 403
    assert (await placement.get(WEBHOOK, role=Role.HOSPITAL, org=ZORGGROEP, region=None)).status_code == 200
    assert (await placement.get(WEBHOOK, role=Role.ADMIN, region=None)).status_code == 200


async def test_the_worker_brings_what_is_due(placement, receiver):
    await told(placement, receiver)
    working = asyncio.ensure_future(bring_messages(placement.database, placement.settings.keys_dir, allow_loopback=True))
    try:
        offer = await placement.offered(await placement.request(), await placement.unit())

        async def is_delivered():
            return (await delivery_of(placement, offer))["status"] == "DELIVERED"

        await eventually(is_delivered, timeout=10, what="the worker brings it")
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
    assert len(receiver.got) == 1
