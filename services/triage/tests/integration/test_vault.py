"""Who the patient is lies sealed, is shown to those who must know, and every look is written down."""

from datetime import timedelta

import pytest

from chassis.security.roles import Role

MARK = "GEMERKT"
THUISZORG = "thuiszorg-noord"


@pytest.fixture
def provider():
    return {"role": Role.PROVIDER, "org": THUISZORG}


async def look(triage, case, **how):
    return await triage.get(f"cases/{case.case_id}/patient", **how)


@pytest.fixture
async def accepted(triage, offer_of):
    case = await triage.register()
    await triage.ask(case)
    offer = offer_of(case)
    await triage.hears(offer.made, offer.accepted)
    await triage.hears_heartbeat()
    return case, offer


async def test_nothing_that_tells_who_it_is_can_be_read_outside_the_answer_to_those_who_may(triage, offer_of, caplog, capfd):
    case = await triage.register()
    await triage.send(
        "POST", "cases", {"channel": "TELEFOON", "caller_role": "PATIENT", "municipality": "GM0106", "complaint": MARK}, key="k"
    )
    answers = [await triage.put_wishes(case)]
    case.etag = answers[0].headers["etag"]
    answers += [await triage.ask(case, key="ask"), await triage.get(f"cases/{case.case_id}"), await triage.get("cases")]
    answers.append(await triage.get(f"cases/{case.case_id}/timeline"))
    # Broken forms carry it too.
    answers.append(
        await triage.send("POST", "cases", {"patient": {"name": [MARK], "bsn": MARK, "birth_date": MARK}, "complaint": 3, "channel": MARK})
    )
    answers.append(await triage.put_wishes(case, ic={"choice": MARK, "text": MARK, "until": MARK}, recorded_at=MARK))
    offer = offer_of(case)
    await triage.hears(offer.made, offer.declined(f"{MARK} kan hier niet"), offer.released(MARK))

    assert (await look(triage, case)).text.count(MARK) == 5
    stored = await triage.everything_stored()
    assert case.case_id in stored
    for secret in (MARK, "999990011", "1938-03-01", "0612345678"):
        assert secret not in stored
        assert all(secret not in answer.text + str(answer.headers) + str(answer.url) for answer in answers)
        assert secret not in caplog.text + "".join(capfd.readouterr())


async def test_whoever_registered_it_sees_who_it_is_and_each_look_is_kept(triage):
    case = await triage.register()
    await triage.put_wishes(case)

    for _ in range(2):
        shown = await look(triage, case)
        assert shown.status_code == 200
    assert shown.json() == {
        "case_id": case.case_id,
        "bsn": "999990011",
        "name": f"Wil {MARK}",
        "birth_date": "1938-03-01",
        "phone": f"0612345678 {MARK}",
        "complaint": f"Moeder is gevallen {MARK}",
        "wishes": {
            "recorded_by": f"Huisarts {MARK}",
            "hospital": None,
            "ic": f"alleen kort {MARK}",
            "resuscitation": None,
            "ventilation": None,
        },
    }
    assert "etag" not in shown.headers
    assert shown.headers["cache-control"] == "no-store"
    looks = await triage.rows("select case_id::text, by, role, organisation from identity_reads")
    assert [tuple(row.values()) for row in looks] == [(case.case_id, "triagist-None", "triagist", None)] * 2


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"subject": "another-nurse"}, 403),
        ({"role": Role.PROVIDER, "org": THUISZORG}, 404),
        ({"role": Role.HOSPITAL, "org": THUISZORG}, 404),
        ({"role": Role.REFERRER, "org": THUISZORG}, 404),
        ({"role": Role.ADMIN}, 403),
        ({"role": Role.COORDINATOR}, 403),
        ({"role": Role.AUDITOR}, 403),
    ],
)
async def test_nobody_else_does(triage, how, status):
    case = await triage.register()

    assert (await look(triage, case, **how)).status_code == status
    assert not await triage.rows("select from identity_reads")


async def test_a_referrer_sees_the_patients_of_their_own_practice(triage):
    case = await triage.register(role=Role.REFERRER, org="praktijk")

    assert (await look(triage, case, role=Role.REFERRER, org="praktijk", subject="colleague")).status_code == 200
    assert (await look(triage, case, role=Role.REFERRER, org="other")).status_code == 404
    # To a triagist the case is known, the patient is not.
    assert (await look(triage, case)).status_code == 403


async def test_the_provider_that_accepted_sees_it_until_the_place_is_given_up(triage, offer_of, provider):
    case = await triage.register()
    await triage.ask(case)
    offer = offer_of(case)
    await triage.hears_heartbeat()
    await triage.hears(offer.made)
    assert (await look(triage, case, **provider)).status_code == 404

    await triage.hears(offer.accepted)
    assert (await look(triage, case, **provider)).json()["name"] == f"Wil {MARK}"
    assert (await look(triage, case, role=Role.PROVIDER, org="others")).status_code == 404
    for event in (offer.left, offer.admitted, offer.closed("ADMITTED")):
        await triage.hears(event)
        assert (await look(triage, case, **provider)).status_code == 200

    await triage.hears(offer.released())
    assert (await look(triage, case, **provider)).status_code == 404
    assert (await look(triage, case)).status_code == 200


@pytest.mark.parametrize("how", ["CANCELLED", "DECEASED", "HANDED_OVER_112", "REPLACED"])
async def test_a_request_that_ends_otherwise_than_by_admission_takes_it_away(triage, accepted, provider, how):
    case, offer = accepted
    await triage.hears(offer.closed(how))

    assert (await look(triage, case, **provider)).status_code == 404


@pytest.mark.parametrize(("outcome", "status"), [("GEPLAATST", 200), ("INGETROKKEN", 404), ("OVERLEDEN", 404)])
async def test_a_closure_takes_it_away_at_once_unless_the_place_was_found(triage, accepted, provider, outcome, status):
    case, _ = accepted
    await triage.shown(case)
    assert (await triage.close(case, outcome)).status_code == 200

    assert (await look(triage, case, **provider)).status_code == status


async def test_a_patient_that_is_handed_over_to_112_is_no_longer_the_providers(triage, accepted, provider):
    case, _ = accepted
    await triage.shown(case)
    await triage.assess(case, {"bewusteloos": True})

    assert (await look(triage, case, **provider)).status_code == 404


async def test_who_was_moved_is_known_to_the_new_provider_only(triage, accepted, offer_of, provider):
    case, offer = accepted
    second = offer_of(case, organisation="others")
    await triage.hears(second.made, second.accepted, offer.released("MOVED"))

    assert (await look(triage, case, **provider)).status_code == 404
    assert (await look(triage, case, role=Role.PROVIDER, org="others")).status_code == 200
    assert (await triage.shown(case))["placement_request"]["place"]["organisation"] == "others"


async def test_an_older_event_never_brings_it_back(triage, accepted, provider):
    case, offer = accepted
    await triage.hears(offer.released())
    await triage.hears(offer.accepted, version=triage.versions[case.case_id] - 2)

    assert (await look(triage, case, **provider)).status_code == 404


async def test_an_older_release_does_not_take_it_away(triage, accepted, provider):
    case, offer = accepted
    await triage.hears(offer.released(), version=triage.versions[case.case_id] - 2)

    assert (await look(triage, case, **provider)).status_code == 200


async def test_while_placement_is_silent_providers_are_shown_nothing_and_are_told_why(triage, accepted, provider):
    case, _ = accepted
    await triage.later(seconds=61)

    silent = await look(triage, case, **provider)
    assert (silent.status_code, silent.headers["retry-after"]) == (503, "5")
    assert "placement" in silent.json()["detail"]
    # The nurse has it from the caller, not from placement.
    assert (await look(triage, case)).status_code == 200

    # Another partition may move while the one on which a release would come stands still.
    await triage.hears_heartbeat(partition=1, ago=-timedelta(seconds=61))
    assert (await look(triage, case, **provider)).status_code == 503
    await triage.hears_heartbeat(ago=-timedelta(seconds=61))
    assert (await look(triage, case, **provider)).status_code == 200
    # One that was recorded long ago and is only read now says nothing about now.
    await triage.later(seconds=61)
    await triage.hears_heartbeat()
    assert (await look(triage, case, **provider)).status_code == 503


async def test_before_placement_was_ever_heard_nothing_is_shown(triage, offer_of, provider):
    case = await triage.register()
    await triage.ask(case)
    await triage.hears(offer_of(case).accepted)

    assert (await look(triage, case, **provider)).status_code == 503


async def test_while_an_event_of_the_case_cannot_be_read_nothing_is_shown(triage, accepted, provider):
    case, _ = accepted
    await triage.is_parked(case, True)

    assert (await look(triage, case, **provider)).status_code == 503
    assert (await triage.shown(case))["placement_request"]["uncertain"]

    await triage.is_parked(case, False)
    assert (await look(triage, case, **provider)).status_code == 200


async def test_a_row_of_another_case_does_not_open(triage):
    first, second = await triage.register(), await triage.register()
    await triage.rows(
        "update vault t set patient = f.patient from vault f where f.case_id = $1 and t.case_id = $2", first.case_id, second.case_id
    )
    assert (await look(triage, second)).status_code == 500
    await triage.rows(
        "update vault t set (wrapped_key, patient, complaint) = (f.wrapped_key, f.patient, f.complaint) from vault f where f.case_id = $1 and t.case_id = $2",
        first.case_id,
        second.case_id,
    )
    broken = await look(triage, second)
    assert broken.status_code == 500
    assert MARK not in broken.text
    assert (await look(triage, first)).status_code == 200


async def test_a_look_that_could_not_be_written_down_was_none(triage):
    case = await triage.register()
    await triage.rows("alter table identity_reads add constraint closed check (false) not valid")
    try:
        answer = await look(triage, case)
    finally:
        await triage.rows("alter table identity_reads drop constraint closed")

    assert answer.status_code == 500
    assert MARK not in answer.text
