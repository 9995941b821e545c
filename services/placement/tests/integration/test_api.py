"""What coordinators, providers and those who asked meet over HTTP."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from chassis.security.roles import ANSWERERS, CANCELLERS, JOURNEY_TAKERS, OFFER_READERS, OFFERERS, REQUEST_READERS, Role
from contracts.codes import Cohort, Urgency

EVERYONE = frozenset(Role) - {Role.VISITOR}
VR, ROAZ, ZORGGROEP = "VR04", "ZW", "zorggroep-oost"
THEIRS = {"role": Role.PROVIDER, "org": ZORGGROEP, "region": None}
TRIAGIST = {"role": Role.TRIAGIST, "region": None}
ROUTES = [
    ("GET", "requests", REQUEST_READERS),
    ("GET", "requests/{id}", REQUEST_READERS),
    ("GET", "requests/{id}/candidates", REQUEST_READERS),
    ("POST", "requests/{id}/offers", OFFERERS),
    ("POST", "requests/{id}/cancellation", CANCELLERS),
    ("GET", "offers", OFFER_READERS),
    ("GET", "offers/{id}", OFFER_READERS),
    ("POST", "offers/{id}/acceptance", ANSWERERS),
    ("POST", "offers/{id}/decline", ANSWERERS),
    ("POST", "offers/{id}/confirmation", ANSWERERS),
    ("POST", "placements/{id}/transport", JOURNEY_TAKERS),
    ("POST", "placements/{id}/admission", JOURNEY_TAKERS),
    ("POST", "placements/{id}/release", JOURNEY_TAKERS),
    ("GET", "holds", EVERYONE),
    ("GET", "units/{id}/holds", EVERYONE),
]


@pytest.mark.parametrize(("method", "path", "allowed"), ROUTES, ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("role", sorted(EVERYONE))
async def test_a_role_may_do_what_the_table_says(placement, method, path, allowed, role):
    answer = await placement.send(method, path.replace("{id}", str(uuid4())), role=role, org=ZORGGROEP, region=VR)

    assert (answer.status_code != 403) == (role in allowed)


@pytest.mark.parametrize(("method", "path", "_"), [*ROUTES, ("GET", "requests/stream", None), ("GET", "offers/stream", None)])
async def test_nobody_gets_in_without_a_token(placement, method, path, _):
    answer = await placement.client.request(method, f"/placement/v1/{path.replace('{id}', str(uuid4()))}")

    assert answer.status_code == 401


@pytest.mark.parametrize("stream", ["requests/stream", "offers/stream"])
async def test_a_stream_is_not_for_every_role(placement, stream):
    answer = await placement.get(stream, role=Role.VWS, region=None)

    assert answer.status_code == 403


# Requests


async def listed(placement, query="", **who):
    answer = await placement.get(f"requests{query}", **who)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def test_the_most_urgent_request_comes_first_and_then_the_longest_waiting(placement):
    now = await placement.now()
    late = await placement.request(urgency=Urgency.U3, requested_at=now)
    early = await placement.request(urgency=Urgency.U3, requested_at=now - timedelta(hours=1))
    urgent = await placement.request(urgency=Urgency.U2, requested_at=now)
    lost_its_place = await placement.request(urgency=Urgency.U3, requested_at=now)
    await placement.rows("update requests set is_on_top = true where case_id = $1", lost_its_place)

    assert await listed(placement) == [str(one) for one in (urgent, lost_its_place, early, late)]


async def test_the_queue_comes_in_pages_without_gaps_or_doubles(placement):
    now = await placement.now()
    expected = [str(await placement.request(requested_at=now - timedelta(minutes=30 - minute // 2))) for minute in range(7)]

    seen, path = [], "requests?limit=3&care_type=ELV_HOOG"
    while path:
        answer = await placement.get(path)
        seen += [item["id"] for item in answer.json()["items"]]
        link = answer.headers.get("link")
        path = link.partition(">")[0].removeprefix("</placement/v1/") if link else None

    assert sorted(seen) == sorted(expected)
    assert len(set(seen)) == 7


@pytest.mark.parametrize("cursor", ["x", "bm90IGpzb24=", "WzEsMiwzXQ==", "WyJVM2IiLCJ4IiwieCJd", "W10="])
@pytest.mark.parametrize("path", ["requests", "offers", "holds"])
async def test_a_cursor_of_somebody_elses_is_refused(placement, path, cursor):
    answer = await placement.get(f"{path}?cursor={cursor}", role=Role.ADMIN)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/cursor"


async def test_a_queue_can_be_narrowed(placement):
    cohort = await placement.request(cohort=Cohort.COVID_POS)
    urgent = await placement.request(urgency=Urgency.U2)

    assert await listed(placement, "?cohort=COVID_POS") == [str(cohort)]
    assert await listed(placement, "?urgency=U2") == [str(urgent)]
    assert await listed(placement, "?care_type=GRZ") == []
    assert await listed(placement, "?status=PLACED") == []
    assert len(await listed(placement, f"?vr={VR}&roaz={ROAZ}&status=OPEN")) == 2


@pytest.mark.parametrize("query", ["?region=VR04", "?cohort=ROOD", "?limit=0", "?limit=201", "?limit=1&limit=2"])
async def test_a_query_that_is_not_served_is_refused_and_not_ignored(placement, query):
    answer = await placement.get(f"requests{query}")

    assert answer.status_code in (400, 422)
    assert "ROOD" not in answer.text


async def test_everyone_sees_the_requests_that_are_theirs(placement):
    ours = str(await placement.request(organisation="huisarts-1"))
    elsewhere = str(await placement.request(region="VR01"))
    straddling = str(await placement.request(region="VR03"))
    at_lcps = str(await placement.request(region="VR24"))
    await placement.rows("update requests set region_index = cardinality(regions), status = 'BIJ_LCPS' where case_id = $1", UUID(at_lcps))
    everything = {ours, elsewhere, straddling, at_lcps}

    async def seen_by(role, **who):
        return set(await listed(placement, role=role, **{"region": None, **who}))

    assert await seen_by(Role.COORDINATOR, region=VR) == {ours}
    assert await seen_by(Role.DPG, region="VR01") == {elsewhere}
    assert await seen_by(Role.ROAZ, region="NN") == {elsewhere, straddling}
    assert await seen_by(Role.RCPS, region="ZW") == {ours, straddling}
    assert await seen_by(Role.LCPS) == {at_lcps}
    assert await seen_by(Role.REFERRER, org="huisarts-1") == {ours}
    assert await seen_by(Role.HOSPITAL, org="ziekenhuis-1") == set()
    assert await seen_by(Role.TRIAGIST) == everything
    assert await seen_by(Role.ADMIN) == everything
    # A token without a region covers none.
    assert await seen_by(Role.COORDINATOR) == await seen_by(Role.ROAZ) == await seen_by(Role.REFERRER) == set()


@pytest.mark.parametrize("path", ["requests/{id}", "requests/{id}/candidates"])
async def test_a_request_of_another_region_is_not_there(placement, path):
    case_id = await placement.request()

    assert (await placement.get(path.replace("{id}", str(case_id)), region="VR01")).status_code == 404
    assert (await placement.get(path.replace("{id}", str(uuid4())))).status_code == 404
    assert (await placement.get(path.replace("{id}", str(case_id)))).status_code == 200


async def test_a_request_shows_its_needs_its_clocks_and_who_was_asked(placement):
    unit_id = await placement.unit(features={"isolation": True})
    case_id = await placement.request(needs={"isolation": True}, municipality="GM0193")
    offer = await placement.offer(case_id, unit_id)

    answer = await placement.get(f"requests/{case_id}")

    shown = answer.json()
    assert answer.headers["etag"] == f'"{shown["version"]}"'
    assert (shown["status"], shown["needs"], shown["municipality"]) == ("OPEN", {"isolation": True}, "GM0193")
    assert (shown["asked"], shown["open_offers"], shown["answer_by"]) == (1, 1, offer["answer_by"])
    assert [(one["offer_id"], one["status"]) for one in shown["offers"]] == [(offer["offer_id"], "OFFERED")]
    assert shown["unattended_at"] is None
    assert shown["looked_in"] == ["ZW"]


# Candidates


async def test_a_coordinator_sees_whom_to_ask_and_why(placement):
    near = await placement.unit(free=2, municipality="GM0193", name="Berk")
    far = await placement.unit(free=2, name="Iep")
    full = await placement.unit(free=0, name="Vol")
    await placement.unit(free=None)
    case_id = await placement.request(municipality="GM0193")

    answer = await placement.get(f"requests/{case_id}/candidates?unit_id={full}")

    listing = answer.json()
    assert [(one["place"], one["unit_id"], one["nearness"]) for one in listing["items"]] == [
        (1, str(near), "GEMEENTE"),
        (2, str(far), "VEILIGHEIDSREGIO"),
    ]
    for one in listing["items"]:
        assert one["score"] == pytest.approx(sum(one["parts"].values()))
        assert set(one["parts"]) == {"nearness", "freshness", "fair_share", "room"}
    assert listing["left_out"] == {"ONBEKEND": 1, "GEEN_PLEK": 1}
    assert listing["explained"] == {"unit_id": str(full), "place": None, "score": None, "parts": None, "reasons": ["GEEN_PLEK"]}

    one = await placement.get(f"requests/{case_id}/candidates?unit_id={far}&limit=1")
    assert (one.json()["total"], len(one.json()["items"]), one.json()["explained"]["place"]) == (2, 1, 2)
    assert (await placement.get(f"requests/{case_id}/candidates?unit_id={uuid4()}")).status_code == 404


async def test_a_figure_that_grew_old_by_our_own_clock_is_no_candidate(placement):
    await placement.unit(free=2)
    case_id = await placement.request()

    await placement.later(hours=13)

    listing = (await placement.get(f"requests/{case_id}/candidates")).json()
    assert (listing["items"], listing["left_out"]) == ([], {"VEROUDERD": 1})


async def test_a_held_place_is_no_longer_offered_to_others(placement):
    unit_id = await placement.unit(free=1)
    first, second = await placement.request(), await placement.request()
    await placement.offer(first, unit_id)

    of_first = (await placement.get(f"requests/{first}/candidates")).json()
    of_second = (await placement.get(f"requests/{second}/candidates")).json()

    assert of_first["left_out"] == {"AL_GEVRAAGD": 1}
    assert of_second["left_out"] == {"GEEN_PLEK": 1}


# Offers


async def test_several_units_are_asked_and_each_has_its_own_result(placement):
    one, other, full = await placement.unit(), await placement.unit(organisation="thuis-best"), await placement.unit(free=0)
    case_id, unknown = await placement.request(), uuid4()

    answer = await placement.post(f"requests/{case_id}/offers", {"unit_ids": [str(unit) for unit in (one, full, other, unknown)]})

    assert answer.status_code == 201
    results = answer.json()["results"]
    assert [(result["unit_id"], result["status"]) for result in results] == [
        (str(one), 201),
        (str(full), 409),
        (str(other), 201),
        (str(unknown), 404),
    ]
    for result in (results[0], results[2]):
        assert result["token"]
        assert result["answer_by"]
        assert result["etag"] == '"1"'
        assert result["problem"] is None
    assert results[1]["problem"]["type"].endswith("place-gone")
    assert results[1]["offer_id"] is None


async def test_when_no_unit_has_a_place_there_is_no_offer(placement):
    full, case_id = await placement.unit(free=0), await placement.request()

    answer = await placement.post(f"requests/{case_id}/offers", {"unit_ids": [str(full)]})

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"].endswith("place-gone")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"unit_ids": []},
        {"unit_ids": "x"},
        {"unit_ids": ["geheim"]},
        {"unit_ids": [str(UUID(int=number)) for number in range(21)]},
        {"unit_ids": [str(UUID(int=1))], "answer_by": 5},
        {"unit_ids": [str(UUID(int=1))], "answer_by": "geheim"},
        {"unit_ids": [str(UUID(int=1))], "answer_by": "2020-01-01T00:00:00+01:00"},
    ],
)
async def test_an_offer_that_cannot_be_is_refused_without_repeating_it(placement, body):
    case_id = await placement.request()

    answer = await placement.post(f"requests/{case_id}/offers", body)

    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert "geheim" not in answer.text


async def test_a_coordinator_offers_only_what_its_own_region_wants(placement):
    unit_id, case_id = await placement.unit(), await placement.request(region="VR01")

    answer = await placement.post(f"requests/{case_id}/offers", {"unit_ids": [str(unit_id)]})

    assert answer.status_code == 403
    assert await placement.held_by_all_accounts(unit_id) == 0


async def test_the_same_key_sent_twice_at_once_holds_one_place(placement):
    unit_id, case_id = await placement.unit(free=5), await placement.request()
    key = {"Idempotency-Key": str(uuid4())}

    answers = await asyncio.gather(
        *(placement.post(f"requests/{case_id}/offers", {"unit_ids": [str(unit_id)]}, headers=key) for _ in range(5))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert await placement.held_by_all_accounts(unit_id) == 1
    other = await placement.post(f"requests/{case_id}/offers", {"unit_ids": [str(uuid4())]}, headers=key)
    assert other.status_code == 422


async def shown(placement, offer, **who):
    return await placement.get(f"offers/{offer['offer_id']}", **who)


async def test_the_token_is_shown_to_who_is_asked_and_to_who_asked_only(placement):
    unit_id = await placement.unit(vr="VR05", organisation="thuis-best")
    case_id = await placement.request(organisation="ziekenhuis-1")
    offer = await placement.offer(case_id, unit_id)

    for who in ({}, {"role": Role.PROVIDER, "org": "thuis-best", "region": None}):
        assert (await shown(placement, offer, **who)).json()["token"] == offer["token"]
    for who in ({"region": "VR05"}, TRIAGIST, {"role": Role.HOSPITAL, "org": "ziekenhuis-1", "region": None}):
        answer = await shown(placement, offer, **who)
        assert answer.status_code == 200
        assert "token" not in answer.json()
        assert offer["token"] not in (await placement.get("offers", **who)).text
    for who in (THEIRS, {"region": "VR01"}, {"role": Role.LCPS, "region": None}):
        assert (await shown(placement, offer, **who)).status_code == 404
        assert (await placement.get("offers", **who)).json() == {"items": []}
    assert offer["token"] not in (await placement.get(f"requests/{case_id}", **TRIAGIST)).text


async def test_an_offer_that_went_out_by_itself_shows_its_token_to_the_provider_only(placement):
    await placement.unit()
    case_id = await placement.request()
    await placement.later(minutes=11)
    await placement.timers_go_off()

    (offer,) = (await placement.get("offers", **THEIRS)).json()["items"]

    assert (offer["is_automatic"], offer["case_id"], bool(offer["token"])) == (True, str(case_id), True)
    assert "token" not in (await placement.get("offers")).json()["items"][0]


async def test_an_offer_says_what_is_needed_and_by_when_and_where(placement):
    unit_id = await placement.unit(features={"lift": True, "oxygen_l_min": 5}, name="Berk")
    case_id = await placement.request(needs={"oxygen_l_min": 2, "lift": True}, urgency=Urgency.U2)
    await placement.offer(case_id, unit_id)

    (offer,) = (await placement.get("offers", **THEIRS)).json()["items"]

    assert (offer["needs"], offer["urgency"], offer["unit_name"]) == ({"oxygen_l_min": 2, "lift": True}, "U2", "Berk")


async def answered(placement, offer, what="acceptance", seen=1, body=None, **how):
    stated = {"token": offer["token"], **({"reason": "GEEN_PERSONEEL"} if what == "decline" else {}), **(body or {})}
    return await placement.post(f"offers/{offer['offer_id']}/{what}", stated, seen=seen, **{**THEIRS, **how})


async def test_the_first_provider_that_accepts_wins(placement):
    one, other = await placement.unit(), await placement.unit()
    case_id = await placement.request()
    first = await placement.offer(case_id, one)
    second = await placement.offer(case_id, other)

    won = await answered(placement, first)
    lost = await answered(placement, second)

    assert won.status_code == 200
    assert (won.json()["status"], won.headers["etag"]) == ("ACCEPTED", f'"{won.json()["version"]}"')
    assert lost.status_code == 409
    assert await placement.held_by_all_accounts(other) == 0
    request = (await placement.get(f"requests/{case_id}")).json()
    assert (request["status"], request["placement_id"], request["placement_status"]) == ("PLACED", first["offer_id"], "ACCEPTED")


@pytest.mark.parametrize("what", ["acceptance", "decline"])
async def test_an_answer_names_what_was_seen_and_the_state_comes_first(placement, what):
    unit_id, case_id = await placement.unit(), await placement.request()
    offer = await placement.offer(case_id, unit_id)

    assert (await answered(placement, offer, what, seen=None)).status_code == 428
    assert (await answered(placement, offer, what, seen=7)).status_code == 412
    assert (await answered(placement, offer, what, body={"token": "another"})).status_code == 403
    assert (await answered(placement, offer, what, org="thuis-best")).status_code == 403
    await placement.later(hours=1)
    assert (await answered(placement, offer, what, seen=7)).status_code == 409


async def test_an_answer_that_is_sent_again_gets_the_first_answer(placement):
    unit_id, case_id = await placement.unit(), await placement.request()
    offer = await placement.offer(case_id, unit_id)
    key = {"Idempotency-Key": str(uuid4())}

    first = await answered(placement, offer, headers=key)
    again = await answered(placement, offer, headers=key)

    assert first.status_code == again.status_code == 200
    assert (first.content, first.headers["etag"]) == (again.content, again.headers["etag"])


async def test_a_decline_gives_the_place_back_and_keeps_the_reason(placement):
    unit_id, case_id = await placement.unit(), await placement.request()
    offer = await placement.offer(case_id, unit_id)

    answer = await answered(placement, offer, "decline", body={"reason": "NIEUWE_CODE"})

    assert (answer.status_code, answer.json()["status"], answer.json()["reason"]) == (200, "DECLINED", "NIEUWE_CODE")
    assert await placement.held_by_all_accounts(unit_id) == 0
    assert (await placement.get("offers", **THEIRS)).json()["items"] == []
    (declined,) = (await placement.get("offers?status=DECLINED", **THEIRS)).json()["items"]
    assert declined["offer_id"] == offer["offer_id"]


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "1"}])
async def test_not_our_own_client_is_no_reason_and_is_reported(placement, headers):
    unit_id, case_id = await placement.unit(), await placement.request()
    offer = await placement.offer(case_id, unit_id)

    answer = await answered(placement, offer, "decline", body={"reason": "NIET_EIGEN_CLIENT"}, headers=headers)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await shown(placement, offer)).json()["status"] == "OFFERED"
    assert (await placement.facts(case_id))[-1] == "refusal-reported"


async def test_a_story_about_a_patient_is_no_reason(placement):
    unit_id, case_id = await placement.unit(), await placement.request()
    offer = await placement.offer(case_id, unit_id)

    answer = await answered(placement, offer, "decline", body={"reason": "mevrouw Jansen kennen wij"})

    assert answer.status_code == 422
    assert "Jansen" not in answer.text


# The journey


async def accepted(placement, **unit):
    unit_id, case_id = await placement.unit(**unit), await placement.request()
    offer = await placement.offer(case_id, unit_id)
    answer = await answered(placement, offer)
    assert answer.status_code == 200, answer.text
    return case_id, unit_id, answer.json()


async def test_a_patient_travels_and_arrives(placement):
    case_id, unit_id, placed = await accepted(placement)
    path = f"placements/{placed['id']}"

    left = await placement.post(f"{path}/transport", seen=placed["version"], **THEIRS)
    assert (left.status_code, left.json()["status"], left.json()["held_until"]) == (200, "UNDERWAY", None)
    assert (await placement.post(f"{path}/transport", seen=placed["version"], **THEIRS)).status_code == 409
    assert (await placement.post(f"{path}/admission", {}, seen=placed["version"], **THEIRS)).status_code == 412
    arrived = await placement.post(f"{path}/admission", {}, seen=left.json()["version"])

    assert (arrived.status_code, arrived.json()["status"], arrived.json()["unit_id"]) == (200, "ADMITTED", str(unit_id))
    request = (await placement.get(f"requests/{case_id}")).json()
    assert (request["status"], request["ended"], request["placement_status"]) == ("CLOSED", "ADMITTED", "ADMITTED")
    assert await listed(placement) == []


async def test_a_patient_may_lie_in_another_unit_than_was_offered(placement):
    _, offered, placed = await accepted(placement)
    used = await placement.unit(free=0)

    arrived = await placement.post(f"placements/{placed['id']}/admission", {"unit_id": str(used)}, seen=placed["version"], **THEIRS)

    assert (arrived.json()["unit_id"], arrived.json()["offered_unit_id"]) == (str(used), str(offered))
    assert (await placement.held_by_all_accounts(offered), await placement.held_by_all_accounts(used)) == (0, 1)


@pytest.mark.parametrize("step", ["transport", "admission", "release"])
async def test_a_step_of_the_journey_names_what_was_seen_and_belongs_to_somebody(placement, step):
    _, _, placed = await accepted(placement)
    path, body = f"placements/{placed['id']}/{step}", {"reason": "VERVOER"} if step == "release" else {}

    assert (await placement.post(path, body, **THEIRS)).status_code == 428
    assert (await placement.post(path, body, seen=99, **THEIRS)).status_code == 412
    assert (await placement.post(path, body, seen=placed["version"], region="VR01")).status_code == 403
    assert (await placement.post(path, body, seen=placed["version"], **{**THEIRS, "org": "thuis-best"})).status_code == 403
    assert (await placement.post(f"placements/{uuid4()}/{step}", body, seen=1, **THEIRS)).status_code == 404


@pytest.mark.parametrize(("step", "field"), [("transport", "left_at"), ("admission", "admitted_at")])
async def test_what_lies_ahead_has_not_happened(placement, step, field):
    _, _, placed = await accepted(placement)
    at = await placement.now() + timedelta(minutes=10)

    answer = await placement.post(f"placements/{placed['id']}/{step}", {field: at.isoformat()}, seen=placed["version"], **THEIRS)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/{field}")


async def test_a_placement_that_is_given_up_puts_the_request_on_top_of_the_queue(placement):
    case_id, unit_id, placed = await accepted(placement)
    other = await placement.request(requested_at=await placement.now() - timedelta(days=1))

    answer = await placement.post(f"placements/{placed['id']}/release", {"reason": "VERVOER"}, seen=placed["version"], **THEIRS)

    assert (answer.status_code, answer.json()["status"]) == (200, "RELEASED")
    assert await listed(placement) == [str(case_id), str(other)]
    assert await placement.held_by_all_accounts(unit_id) == 0


# The end of a request


@pytest.mark.parametrize(("reason", "ended"), [("OVERLEDEN", "DECEASED"), ("INGETROKKEN", "CANCELLED")])
async def test_a_request_that_is_cancelled_gives_its_places_back(placement, reason, ended):
    unit_id, case_id = await placement.unit(), await placement.request()
    offer = await placement.offer(case_id, unit_id)
    path, body = f"requests/{case_id}/cancellation", {"reason": reason}
    version = (await placement.get(f"requests/{case_id}")).json()["version"]

    assert (await placement.post(path, body)).status_code == 428
    assert (await placement.post(path, body, seen=version - 1)).status_code == 412
    assert (await placement.post(path, body, seen=version, region="VR01")).status_code == 403
    answer = await placement.post(path, body, seen=version, **TRIAGIST)

    assert (answer.status_code, answer.json()["status"], answer.json()["ended"]) == (200, "CLOSED", ended)
    assert await placement.held_by_all_accounts(unit_id) == 0
    assert (await shown(placement, offer)).json()["status"] == "WITHDRAWN"
    assert (await placement.post(path, body, seen=version)).status_code == 409


# Holds


async def test_everyone_reads_which_places_are_held_and_nobody_for_whom(placement):
    unit_id, elsewhere = await placement.unit(free=3), await placement.unit(vr="VR05")
    case_id, other = await placement.request(), await placement.request()
    offer = await placement.offer(case_id, unit_id)
    await placement.offer(other, elsewhere)
    reader = {"role": Role.VWS, "region": None}

    of_unit = await placement.get(f"units/{unit_id}/holds", **reader)
    everything = await placement.get("holds", **reader)

    assert (of_unit.json()["free"], of_unit.json()["held"], of_unit.json()["available"]) == (3, 1, 2)
    (hold,) = of_unit.json()["holds"]
    assert (hold["hold_id"], hold["status"], hold["until"], hold["is_counted"]) == (offer["offer_id"], "OFFERED", offer["answer_by"], True)
    assert len(everything.json()["items"]) == 2
    assert (await placement.get("holds?vr=VR04", **reader)).json()["items"] == [hold]
    assert (await placement.get("holds?roaz=EU&limit=1", **reader)).json()["items"][0]["unit_id"] == str(elsewhere)
    for answer in (of_unit, everything):
        assert str(case_id) not in answer.text
    assert (await placement.get(f"units/{uuid4()}/holds", **reader)).status_code == 404


async def test_a_figure_that_is_too_old_is_unknown_beside_its_holds(placement):
    unit_id = await placement.unit(free=3)

    await placement.later(hours=13)

    shown_now = (await placement.get(f"units/{unit_id}/holds")).json()
    assert (shown_now["free"], shown_now["available"], shown_now["held"]) == (None, None, 0)
