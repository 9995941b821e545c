"""A nurse takes a call: she registers, assesses, records wishes, asks for a place and closes."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from chassis.security.roles import Role

NOBODY = "8d4e5a3c-0000-4000-8000-000000000000"


async def test_one_call_goes_from_intake_to_a_request_for_a_place(triage):
    case = await triage.register()
    assert case.etag == '"1"'

    outcome = await triage.assess(case, {"bewusteloos": False, "kan_niet_belasten": True})
    assert (outcome["urgency"], outcome["actions"], outcome["criterion"]) == ("U3", ["HAP_CONSULT"], "kan_niet_belasten")
    assert outcome["open_questions"] == ["hevig_bloeden", "hoofd_antistolling", "been_kort_gedraaid"]

    wishes = await triage.put_wishes(case)
    assert wishes.status_code == 200
    case.etag = wishes.headers["etag"]

    asked = await triage.ask(case, needs={"lift": False, "oxygen_l_min": 2}, target_group=3)
    assert (asked.status_code, asked.json()["status"]) == (201, "PLAATS_GEVRAAGD")

    shown = await triage.shown(case)
    assert (shown["status"], shown["urgency"], shown["is_assessed"], shown["version"]) == ("PLAATS_GEVRAAGD", "U3", True, 4)
    assert (shown["placement_request"]["status"], shown["placement_request"]["origin"]) == ("REQUESTED", "THUIS")
    assert await triage.timeline(case) == ["GEREGISTREERD", "GETRIEERD", "WENSEN_VASTGELEGD", "PLAATS_GEVRAAGD"]

    events = await triage.published(case)
    assert [name for name, _ in events] == ["case-registered", "case-assessed", "placement-requested"]
    request = events[-1][1]
    assert (request["round"], request["urgency"], request["is_assessed"], request["roaz"]) == (1, "U3", True, "NN")
    assert request["needs"] == {"lift": False, "oxygen_l_min": 2}

    assert (await triage.close(case, "GEPLAATST")).status_code == 200
    assert await triage.queue() == []
    assert [name for name, _ in await triage.published(case)][-1] == "case-closed"


@pytest.mark.parametrize(("answers", "urgency"), [({"hevig_bloeden": True}, "U1"), ({"bewusteloos": True}, "U0")])
async def test_danger_to_life_is_handed_over_in_the_same_call_and_its_request_ends(triage, answers, urgency):
    case = await triage.register()
    await triage.ask(case)

    outcome = await triage.assess(case, answers)

    assert (outcome["urgency"], outcome["status"]) == (urgency, "OVERGEDRAGEN_112")
    assert await triage.queue() == []
    assert await triage.queue("?status=OVERGEDRAGEN_112") == []
    shown = await triage.shown(case)
    assert shown["placement_request"]["ended"] == "HANDED_OVER_112"
    assert (await triage.timeline(case))[-2:] == ["GETRIEERD", "OVERGEDRAGEN_112"]
    assert [name for name, _ in await triage.published(case)][-2:] == ["case-assessed", "case-handed-over"]
    for refused in (await triage.put_assessment(case, {}), await triage.ask(case), await triage.close(case), await triage.put_wishes(case)):
        assert (refused.status_code, refused.json()["type"].rsplit(":")[-1]) == (409, "case-handed-over")


async def test_nothing_is_decided_on_a_closed_case(triage):
    case = await triage.register()
    assert (await triage.close(case)).status_code == 200

    # State comes before version: also who saw an old one hears what the matter is.
    for refused in (await triage.put_assessment(case, {}), await triage.ask(case), await triage.close(case), await triage.put_wishes(case)):
        assert (refused.status_code, refused.json()["type"].rsplit(":")[-1]) == (409, "case-closed")


async def test_the_queue_has_the_most_urgent_first_and_what_nobody_looked_at_before_what_is_mild(triage):
    mild, urgent, unseen, middle, older_middle = [await triage.register(patient=...) for _ in range(5)]
    await triage.assess(mild, {"redt_niet_alleen": True})
    await triage.assess(urgent, {"been_kort_gedraaid": True})
    await triage.assess(older_middle, {"kan_niet_belasten": True})
    await triage.assess(middle, {"kan_niet_belasten": True})

    order = [case.case_id for case in (urgent, unseen, middle, older_middle, mild)]
    assert await triage.queue() == order
    assert await triage.queue("?urgency=U3") == order[2:4]
    assert await triage.queue("?status=NIEUW&vr=VR03&roaz=NN") == [unseen.case_id]
    assert await triage.queue("?vr=VR01") == []

    paged, path = [], "cases?limit=2"
    while path:
        answer = await triage.get(path)
        paged += [item["case_id"] for item in answer.json()["items"]]
        path = answer.headers["link"].split(";")[0].strip("<>").removeprefix("/triage/v1/") if "link" in answer.headers else None
    assert paged == order


@pytest.mark.parametrize(("pain", "urgency"), [(None, "U5"), (4, "U5"), (5, "U4"), (8, "U2")])
async def test_pain_counts_from_five_and_is_u2_from_eight(triage, pain, urgency):
    case = await triage.register()

    assert (await triage.assess(case, {}, pain=pain))["urgency"] == urgency


async def test_assessed_again_the_newest_counts(triage):
    case = await triage.register()
    await triage.assess(case, {"kan_niet_belasten": True})

    await triage.assess(case, {"hoofd_antistolling": True})

    assert (await triage.shown(case))["urgency"] == "U2"
    assert (await triage.timeline(case)).count("GETRIEERD") == 2


async def test_only_a_recorded_yes_that_has_not_expired_is_permission(triage):
    case = await triage.register()
    shown = (await triage.assess(case, {"kan_niet_belasten": True}))["treatment_wishes"]
    assert shown["recorded_at"] is None
    assert not any(shown[name]["is_permission"] for name in ("hospital", "ic", "resuscitation", "ventilation"))

    case.etag = (await triage.put_wishes(case)).headers["etag"]
    wishes = (await triage.shown(case))["treatment_wishes"]
    assert {name: wishes[name]["is_permission"] for name in ("hospital", "ic", "resuscitation", "ventilation")} == {
        "hospital": True,
        "ic": False,
        "resuscitation": False,
        "ventilation": True,
    }
    # Whoever advises hospital sees them beside the advice.
    assert (await triage.assess(case, {"hoofd_antistolling": True}))["treatment_wishes"]["hospital"]["is_permission"]

    await triage.later(days=3)
    assert not (await triage.shown(case))["treatment_wishes"]["ventilation"]["is_permission"]


async def test_a_wish_without_who_and_when_recorded_it_or_from_the_future_is_refused(triage):
    case = await triage.register()
    for missing in ("recorded_by", "recorded_at"):
        assert (await triage.put_wishes(case, **{missing: None})).status_code == 422
    ahead = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    assert (await triage.put_wishes(case, recorded_at=ahead)).status_code == 422
    assert (await triage.put_wishes(case, ic={"choice": "JA", "until": "9999-12-31"})).status_code == 422
    assert (await triage.put_wishes(case, ic={"choice": "JA", "until": "2030-01-01T00:00:00Z"})).status_code == 200


async def test_without_an_assessment_the_urgency_is_the_askers_own_and_marked_so(triage):
    case = await triage.register()

    asked = await triage.ask(case, urgency="U4")

    assert asked.json()["placement_request"]["is_assessed"] is False
    assert (await triage.published(case))[-1][1]["is_assessed"] is False
    shown = await triage.shown(case)
    assert (shown["urgency"], shown["is_assessed"]) == ("U4", False)


@pytest.mark.parametrize(
    ("fields", "status", "problem"),
    [
        ({"urgency": "U4"}, 409, "not-as-assessed"),
        ({"urgency": "U1"}, 422, "never-placed"),
        ({"place_by": "2020-01-01T00:00:00Z"}, 422, "place-by-past"),
        ({"region": "VR99"}, 422, "unknown-place"),
        ({"care_type": "HOTELKAMER"}, 422, "invalid"),
        ({"target_group": 6}, 422, "invalid"),
        ({"place_by": ...}, 422, "invalid"),
        ({"needs": {"oxygen_l_min": -1}}, 422, "invalid"),
    ],
)
async def test_a_request_that_cannot_be_is_refused_and_changes_nothing(triage, fields, status, problem):
    case = await triage.register()
    await triage.assess(case, {"kan_niet_belasten": True})

    refused = await triage.ask(case, **fields)

    assert (refused.status_code, refused.json()["type"].rsplit(":")[-1]) == (status, problem)
    assert (await triage.shown(case))["placement_request"] is None
    assert [name for name, _ in await triage.published(case)] == ["case-registered", "case-assessed"]


async def test_a_case_asks_again_only_when_its_round_has_ended(triage, offer_of):
    case = await triage.register()
    await triage.ask(case)
    assert (await triage.ask(case)).json()["type"].endswith("place-already-requested")

    await triage.hears(offer_of(case).closed("CANCELLED"))
    shown = await triage.shown(case)
    assert (shown["status"], shown["placement_request"]["ended"]) == ("NIEUW", "CANCELLED")

    again = await triage.ask(case)
    assert (again.status_code, again.json()["placement_request"]["round"]) == (201, 2)
    # What belongs to the first round says nothing about this one.
    await triage.hears(offer_of(case).made)
    assert (await triage.shown(case))["placement_request"]["status"] == "REQUESTED"


async def test_a_region_that_straddles_takes_its_roaz_from_where_the_patient_is(triage):
    meppel, elsewhere = await triage.register(municipality="GM0119"), await triage.register(municipality="GM0363")

    for case in (meppel, elsewhere):
        await triage.ask(case)

    roaz = {
        case_id: body["roaz"] for name, body in await triage.published() if name == "placement-requested" for case_id in [body["case_id"]]
    }
    assert roaz == {meppel.case_id: "ZW", elsewhere.case_id: "ONBEKEND"}


async def test_a_decision_names_what_was_seen(triage):
    case = await triage.register()
    old = case.etag
    await triage.assess(case, {"kan_niet_belasten": True})

    for stale in (
        await triage.put_assessment(case, {}, seen=old),
        await triage.put_wishes(case, seen=old),
        await triage.ask(case, seen=old),
        await triage.close(case, seen=old),
    ):
        assert stale.status_code == 412
    for blind in (
        await triage.put_assessment(case, {}, seen=None),
        await triage.put_wishes(case, seen=None),
        await triage.ask(case, seen=None),
        await triage.close(case, seen=None),
    ):
        assert blind.status_code == 428
    assert (await triage.shown(case))["version"] == 2


@pytest.mark.parametrize("what", [{"protocol": "nts"}, {"version": "1900.1"}, {"complaint": "geheim"}, {"answers": {"geheim": True}}])
async def test_what_the_protocol_does_not_have_is_refused_without_repeating_it(triage, what):
    case = await triage.register()
    body = {"protocol": "basistriage-voorbeeld", "version": "2026.1", "complaint": "val", "answers": {}, **what}

    refused = await triage.send("PUT", f"cases/{case.case_id}/assessment", body, seen=case.etag)

    assert refused.status_code == 422
    assert "geheim" not in refused.text


async def test_the_packs_are_shown(triage):
    listed = (await triage.get("protocols", role=Role.COORDINATOR)).json()["items"]
    assert [(pack["name"], pack["version"], pack["complaints"]) for pack in listed] == [("basistriage-voorbeeld", "2026.1", 8)]

    pack = (await triage.get("protocols/basistriage-voorbeeld/2026.1")).json()
    assert set(pack["complaints"][0]["criteria"][0]) == {"id", "text", "urgency", "action", "advice"}
    assert (await triage.get("protocols/basistriage-voorbeeld/1")).status_code == 404


async def test_a_command_that_was_sent_twice_is_done_once(triage):
    key = str(uuid4())
    body = {"channel": "BALIE", "caller_role": "PATIENT", "municipality": "GM0106", "complaint": "Gevallen"}

    first, second = await asyncio.gather(*(triage.send("POST", "cases", body, key=key) for _ in range(2)))

    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]
    assert len(await triage.rows("select from cases")) == len(await triage.published()) == 1
    assert (await triage.send("POST", "cases", {**body, "channel": "TELEFOON"}, key=key)).status_code == 422


async def test_a_request_or_closure_that_was_sent_twice_counts_once_though_its_tag_is_old_by_then(triage):
    case = await triage.register()
    seen = case.etag
    asked = [await triage.ask(case, key="ask", seen=seen, place_by="2099-01-01T00:00:00Z") for _ in range(2)]
    seen = case.etag
    closed = [await triage.close(case, key="close", seen=seen) for _ in range(2)]

    assert [answer.status_code for answer in asked] == [201, 201]
    assert [answer.status_code for answer in closed] == [200, 200]
    assert [name for name, _ in await triage.published(case)] == ["case-registered", "placement-requested", "case-closed"]


@pytest.mark.parametrize("municipality", ["GM9999", "GM0788"])
async def test_a_municipality_that_is_not_there_or_was_divided_is_refused(triage, municipality):
    refused = await triage.send(
        "POST", "cases", {"channel": "BALIE", "caller_role": "PATIENT", "municipality": municipality, "complaint": "Gevallen"}
    )

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/municipality")
    assert municipality not in refused.text


async def test_a_case_that_is_not_there_is_not_found(triage):
    assert (await triage.get(f"cases/{NOBODY}")).status_code == 404
    assert (await triage.get(f"cases/{NOBODY}/timeline")).status_code == 404
    assert (await triage.get(f"cases/{NOBODY}/patient")).status_code == 404
    assert (await triage.send("POST", f"cases/{NOBODY}/closure", {"outcome": "ADVIES"}, seen='"1"')).status_code == 404
