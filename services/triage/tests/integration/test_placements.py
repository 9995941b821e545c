"""The case follows what placement does with its request."""

from uuid import uuid4

from contracts.placement import RequestEscalatedV1, RequestOpenedV1, RoomAnsweredV1
from triage.entrypoints.stream import placements


async def asked(triage):
    case = await triage.register()
    assert (await triage.ask(case)).status_code == 201
    return case


async def request_of(triage, case):
    return (await triage.shown(case))["placement_request"]


async def test_a_case_shows_where_its_patient_goes_from_offer_to_admission(triage, offer_of):
    case = await asked(triage)
    declined, offer = offer_of(case, organisation="others"), offer_of(case)

    await triage.hears(declined.made, offer.made)
    request = await request_of(triage, case)
    assert (request["status"], len(request["offers"])) == ("OFFERED", 2)

    await triage.hears(declined.declined("VOL"), offer.accepted)
    request = await request_of(triage, case)
    assert (request["status"], request["offers"], request["place"]["unit_id"]) == ("ACCEPTED", [], str(offer.unit_id))
    assert request["place"]["organisation"] == "thuiszorg-noord"

    await triage.hears(offer.left)
    assert (await request_of(triage, case))["status"] == "UNDERWAY"

    await triage.hears(offer.admitted, offer.closed("ADMITTED"))
    shown = await triage.shown(case)
    assert (shown["status"], shown["placement_request"]["status"], shown["placement_request"]["ended"]) == (
        "GEPLAATST",
        "ADMITTED",
        "ADMITTED",
    )
    assert (await triage.timeline(case))[2:] == [
        "AANGEBODEN",
        "AANGEBODEN",
        "AFGEWEZEN",
        "GEACCEPTEERD",
        "VERTROKKEN",
        "OPGENOMEN",
        "AANVRAAG_BEEINDIGD",
    ]


async def test_a_place_that_is_given_up_puts_the_request_back(triage, offer_of):
    case = await asked(triage)
    offer = offer_of(case)
    await triage.hears(offer.made, offer.accepted, offer.released("EXPIRED"))

    request = await request_of(triage, case)
    assert (request["status"], request["place"]) == ("REQUESTED", None)


async def test_each_step_raises_the_version_so_that_nobody_decides_on_what_has_changed(triage, offer_of):
    case = await asked(triage)
    offer = offer_of(case)
    await triage.hears(offer.made, offer.accepted)

    assert (await triage.close(case, "INGETROKKEN")).status_code == 412
    await triage.shown(case)
    assert (await triage.close(case, "INGETROKKEN")).status_code == 200


async def test_words_of_others_are_codes_or_unknown(triage, offer_of):
    case = await asked(triage)
    offer = offer_of(case)
    await triage.hears(offer.made, offer.declined("Past niet bij mevrouw Jansen"), offer.accepted, offer.released("Mevrouw Jansen"))

    steps = (await triage.get(f"cases/{case.case_id}/timeline")).json()["items"]
    facts = {step["what"]: step["facts"] for step in steps}
    assert facts["AFGEWEZEN"]["reason"] == facts["PLEK_VRIJGEGEVEN"]["why"] == "ONBEKEND"
    assert facts["AFGEWEZEN"]["round"] == 1


async def test_the_timeline_comes_in_pages_oldest_first(triage, offer_of):
    case = await asked(triage)
    await triage.hears(*(offer_of(case).made for _ in range(3)))

    path, seen = f"cases/{case.case_id}/timeline?limit=2", []
    while path:
        answer = await triage.get(path)
        seen.append([step["what"] for step in answer.json()["items"]])
        path = answer.headers["link"].split(";")[0].strip("<>").removeprefix("/triage/v1/") if "link" in answer.headers else None

    assert seen == [["GEREGISTREERD", "PLAATS_GEVRAAGD"], ["AANGEBODEN", "AANGEBODEN"], ["AANGEBODEN"]]


async def test_how_far_it_was_looked_is_shown(triage, offer_of):
    case = await asked(triage)
    await triage.hears(
        RequestEscalatedV1(case_id=case.case_id, round=1, to="LCPS", region=None, escalated_at=offer_of(case).made.made_at),
    )

    assert (await request_of(triage, case))["escalated_to"] == "LCPS"


async def test_a_case_that_is_not_ours_is_passed_over(triage, offer_of):
    case = await asked(triage)
    case.case_id = str(uuid4())
    offer = offer_of(case)
    await triage.hears(offer.made, offer.accepted, offer.released(), offer.closed("CANCELLED"))

    assert not await triage.rows("select from acceptances")


async def test_what_arrives_after_triage_ended_the_request_changes_nothing(triage, offer_of):
    case = await asked(triage)
    await triage.close(case, "INGETROKKEN")
    offer = offer_of(case)
    await triage.hears(offer.made, offer.accepted, offer.released(), offer.closed("CANCELLED"))

    request = await request_of(triage, case)
    assert (request["status"], request["ended"], request["place"], request["offers"]) == ("ENDED", "CANCELLED", None, [])


def test_the_worker_reads_all_that_it_must_and_nothing_that_it_does_not_understand():
    handled = set(placements().handlers)

    # Its own requests being opened and refusals being reported say nothing new about a case. Nor does whether there is room after all:
    # the patient has the place until another provider accepts, and that is told.
    assert {event.__name__ for event in placements().topic.events if event not in handled} == {
        RequestOpenedV1.__name__,
        RoomAnsweredV1.__name__,
        "RefusalReportedV1",
    }
