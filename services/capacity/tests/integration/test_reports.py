"""What providers report is what everyone sees."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest


def ago(**by):
    return datetime.now(UTC) - timedelta(**by)


async def test_a_report_shows_at_once(capacity):
    unit_id = await capacity.unit()

    taken = await capacity.report(unit_id)

    assert taken["is_current"]
    assert not taken["duplicate"]
    assert taken["warnings"] == []
    assert await capacity.figures(unit_id) == (12, 10, 7, 1, 2)
    shown = await capacity.shown(unit_id)
    assert shown["source"] == "PLANNER"
    assert shown["available"] == 2
    assert shown["closed"] == 2
    assert not shown["conflict"]


async def test_a_unit_nobody_reported_on_is_unknown_and_neither_free_nor_full(capacity):
    assert await capacity.figures(await capacity.unit()) == (None,) * 5


async def test_every_accepted_report_is_told_once_and_the_unit_with_it(capacity):
    unit_id = await capacity.unit()

    taken = await capacity.report(unit_id, reserved=...)

    (observation,) = await capacity.published("capacity.observations.v1", unit_id)
    assert observation["report_id"] == taken["report_id"]
    assert observation["stated"] == ["total", "open", "occupied"]
    assert observation["vr"] == "VR06"
    assert observation["roaz"] == "ZW"
    registered, reported = await capacity.published("capacity.units.v1", unit_id)
    assert registered["occupied"] is None
    assert reported["occupied"] == 7
    assert reported["free"] is None
    assert reported["age_limit_seconds"] == 12 * 3600
    assert reported["_version"] == registered["_version"] + 1


async def test_the_same_report_again_changes_nothing(capacity):
    unit_id = await capacity.unit()
    report = capacity.a_report(unit_id)
    await capacity.post("reports", report)
    before = await capacity.shown(unit_id)

    again = await capacity.post("reports", report)

    assert again.status_code == 202
    assert again.json()["duplicate"]
    assert again.json()["is_current"]
    assert await capacity.shown(unit_id) == before
    assert len(await capacity.published("capacity.observations.v1")) == 1


async def test_the_same_id_and_revision_with_another_body_is_refused(capacity):
    unit_id = await capacity.unit()
    report = capacity.a_report(unit_id)
    await capacity.post("reports", report)

    other = await capacity.post("reports", {**report, "occupied": 8})

    assert other.status_code == 409
    assert (await capacity.figures(unit_id))[2] == 7


async def test_a_report_id_cannot_be_used_for_a_second_unit(capacity):
    location_id = await capacity.location()
    one, other = await capacity.unit(location_id), await capacity.unit(location_id, name="Beuk")
    report = capacity.a_report(one)
    await capacity.post("reports", report)

    for revision in (0, 1):
        moved = await capacity.post("reports", {**report, "unit_id": other, "revision": revision})
        assert moved.status_code == 409
    both = await capacity.post(
        "reports", [capacity.a_report(one, report_id=(shared := str(uuid4()))), capacity.a_report(other, report_id=shared)]
    )
    assert both.status_code == 409
    assert await capacity.figures(other) == (None,) * 5


async def test_what_is_left_out_keeps_its_value_and_null_makes_it_unknown(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id)

    await capacity.report(unit_id, total=..., open=..., reserved=..., occupied=8)
    assert await capacity.figures(unit_id) == (12, 10, 8, 1, 1)

    taken = await capacity.report(unit_id, total=..., open=..., occupied=..., reserved=None)
    assert await capacity.figures(unit_id) == (12, 10, 8, None, None)
    assert [warning["code"] for warning in taken["warnings"]] == ["became-unknown"]


async def test_an_older_observation_that_arrives_late_is_kept_but_does_not_show(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id, observed_at=ago(minutes=5))

    late = await capacity.report(unit_id, observed_at=ago(minutes=10), occupied=1)

    assert not late["is_current"]
    assert (await capacity.figures(unit_id))[2] == 7
    assert len(await capacity.published("capacity.observations.v1")) == 2
    assert len(await capacity.published("capacity.units.v1", unit_id)) == 2


async def test_a_correction_takes_the_place_of_its_report(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id, observed_at=ago(minutes=30), occupied=3)
    report = capacity.a_report(unit_id, observed_at=ago(minutes=20))
    await capacity.post("reports", report)

    corrected = await capacity.post("reports", {**report, "revision": 1, "occupied": 4})
    assert corrected.json()["is_current"]
    assert (await capacity.figures(unit_id))[2] == 4

    # A correction may also say that it was earlier than thought; then what was said in between counts again.
    await capacity.post("reports", {**report, "revision": 2, "observed_at": ago(minutes=40).isoformat()})
    assert (await capacity.figures(unit_id))[2] == 3


async def test_a_lower_revision_that_arrives_late_does_not_count(capacity):
    unit_id = await capacity.unit()
    report = capacity.a_report(unit_id, observed_at=ago(minutes=20))
    await capacity.post("reports", {**report, "revision": 2, "occupied": 5})

    late = await capacity.post("reports", {**report, "revision": 1, "occupied": 6})

    assert not late.json()["is_current"]
    assert (await capacity.figures(unit_id))[2] == 5


async def test_a_retracted_report_leaves_what_was_known_before_it(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id, observed_at=ago(minutes=30), occupied=3)
    report = capacity.a_report(unit_id, observed_at=ago(minutes=20))
    await capacity.post("reports", report)

    await capacity.post("reports", {**report, "revision": 1, "retracted": True})

    assert (await capacity.figures(unit_id))[2] == 3
    assert (await capacity.published("capacity.observations.v1"))[-1]["retracted"]


async def test_at_the_same_moment_the_lower_availability_counts_and_the_loser_is_told(capacity):
    unit_id = await capacity.unit()
    moment = ago(minutes=1)
    await capacity.report(unit_id, observed_at=moment, occupied=9, report_id=str(UUID(int=1)))

    loser = await capacity.report(unit_id, observed_at=moment, occupied=2, report_id=str(UUID(int=2)))

    assert (await capacity.figures(unit_id))[2] == 9
    assert not loser["is_current"]
    assert {warning["code"] for warning in loser["warnings"]} == {"same-instant"}


async def test_sources_that_differ_are_in_conflict_and_the_lowest_is_free(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id, source="TELEFOON", occupied=9)

    await capacity.report(unit_id, source="EPD", occupied=6)

    shown = await capacity.shown(unit_id)
    assert (shown["occupied"], shown["free"], shown["conflict"], shown["source"]) == (6, 0, True, "EPD")
    assert shown["warnings"] == ["sources-differ"]


async def test_reports_that_together_cannot_be_are_a_conflict_with_nothing_free(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id)

    await capacity.report(unit_id, total=..., open=5, occupied=..., reserved=...)

    shown = await capacity.shown(unit_id)
    assert (shown["conflict"], shown["free"], shown["warnings"]) == (True, 0, ["rule-broken"])


@pytest.mark.parametrize(
    "figures",
    [
        {"occupied": 11},
        {"occupied": 9, "reserved": 2},
        {"open": 13},
        {"open": ..., "occupied": 13},
        {"open": None, "reserved": 13, "occupied": None},
        {"occupied": -1},
        {"occupied": "7"},
        {"occupied": 7.5},
        {"occupied": True},
        {"occupied": 2**63 - 1},
    ],
)
async def test_figures_that_contradict_themselves_are_refused_and_change_nothing(capacity, figures):
    unit_id = await capacity.unit()

    refused = await capacity.post("reports", capacity.a_report(unit_id, **figures))

    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["errors"]
    assert await capacity.figures(unit_id) == (None,) * 5
    assert await capacity.rows("select from observations") == []


async def test_a_jump_warns_and_never_blocks(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id, total=50, open=40, occupied=20)

    taken = await capacity.report(unit_id, total=50, open=40, occupied=10)

    assert [(warning["code"], warning["field"]) for warning in taken["warnings"]] == [("jump", "occupied")]
    assert taken["is_current"]


async def test_a_clock_slightly_ahead_is_read_as_now_and_one_far_ahead_is_refused(capacity):
    unit_id = await capacity.unit()

    await capacity.report(unit_id, observed_at=datetime.now(UTC) + timedelta(seconds=90))
    assert datetime.fromisoformat((await capacity.shown(unit_id))["observed_at"]) <= datetime.now(UTC)

    refused = await capacity.post("reports", capacity.a_report(unit_id, observed_at=datetime.now(UTC) + timedelta(minutes=3)))
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/observed_at"


async def test_corrections_reach_back_fourteen_days_and_imports_further(capacity):
    unit_id = await capacity.unit()

    refused = await capacity.post("reports", capacity.a_report(unit_id, observed_at=ago(days=15)))
    assert refused.status_code == 422

    old = capacity.a_report(unit_id, observed_at=ago(days=400), source="IMPORT")
    assert (await capacity.post("reports", old)).status_code == 403
    assert (await capacity.post("reports", old, role="lcps", org=None)).status_code == 202
    assert await capacity.figures(unit_id) == (None,) * 5


async def test_an_import_counts_once_even_when_its_id_was_forgotten(capacity):
    unit_id = await capacity.unit()
    old = capacity.a_report(unit_id, observed_at=ago(days=400), source="IMPORT")
    await capacity.post("reports", old, role="admin", org=None)
    await capacity.rows("delete from report_ids")

    again = await capacity.post("reports", old, role="admin", org=None)
    assert again.json()["duplicate"]
    await capacity.rows("delete from report_ids")
    other = await capacity.post("reports", {**old, "occupied": 1}, role="admin", org=None)
    assert other.status_code == 409
    assert len(await capacity.rows("select from observations")) == 1


async def test_a_correction_counts_even_when_the_id_was_forgotten(capacity):
    unit_id = await capacity.unit()
    report = capacity.a_report(unit_id, observed_at=ago(minutes=20))
    await capacity.post("reports", report)
    await capacity.rows("delete from report_ids")

    await capacity.post("reports", {**report, "revision": 1, "retracted": True})

    assert await capacity.figures(unit_id) == (None,) * 5


async def test_only_lcps_and_admin_import_and_lcps_does_nothing_else(capacity):
    unit_id = await capacity.unit()

    assert (await capacity.post("reports", capacity.a_report(unit_id), role="lcps", org=None)).status_code == 403
    assert (await capacity.post("reports", capacity.a_report(unit_id), role="triagist", org=None)).status_code == 403
    assert (await capacity.post("reports", capacity.a_report(unit_id), role="admin", org=None)).status_code == 202


async def test_nobody_reports_on_the_units_of_another_organisation(capacity):
    unit_id = await capacity.unit()

    assert (await capacity.post("reports", capacity.a_report(unit_id), org="someone-else")).status_code == 403
    assert (await capacity.post("reports", capacity.a_report(unit_id), org=None)).status_code == 403
    assert (await capacity.post("reports", capacity.a_report(str(uuid4())))).status_code == 404


async def test_a_list_is_taken_whole_or_not_at_all(capacity):
    unit_id = await capacity.unit()
    good = [capacity.a_report(unit_id, observed_at=ago(minutes=minutes), occupied=minutes) for minutes in (3, 1, 2)]

    refused = await capacity.post("reports", [*good, capacity.a_report(unit_id, occupied=11)])
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/3/occupied"
    assert await capacity.figures(unit_id) == (None,) * 5

    taken = await capacity.post("reports", good)
    assert [(one["report_id"], one["is_current"]) for one in taken.json()] == [
        (good[0]["report_id"], False), (good[1]["report_id"], True), (good[2]["report_id"], False),
    ]  # fmt: skip
    assert len(await capacity.published("capacity.units.v1", unit_id)) == 2
    assert (await capacity.post("reports", [])).json() == []


async def test_a_new_reason_for_closing_never_costs_us_the_report(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id, closed_reason="ASBEST")
    shown = await capacity.shown(unit_id)
    assert (shown["closed_reason"], shown["closed_reason_sent"]) == ("ONBEKEND", "ASBEST")

    await capacity.report(unit_id, closed_reason="PERSONEEL")
    assert (await capacity.shown(unit_id))["closed_reason"] == "PERSONEEL"
    await capacity.report(unit_id)
    assert (await capacity.shown(unit_id))["closed_reason"] == "PERSONEEL"
    await capacity.report(unit_id, closed_reason=None)
    assert (await capacity.shown(unit_id))["closed_reason"] is None


async def test_fields_that_we_do_not_know_are_ignored(capacity):
    unit_id = await capacity.unit()

    await capacity.report(unit_id, mood="good", includes_holds=[str(uuid4())])

    assert (await capacity.figures(unit_id))[2] == 7


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"", 400),
        (b'"SECRETSECRET"', 422),
        (b'{"SECRETSECRET": 1}', 422),
        (b'{"report_id": "SECRETSECRET", "unit_id": "SECRETSECRET", "source": "SECRETSECRET", "observed_at": "SECRETSECRET"}', 422),
        (b'[{"report_id": "SECRETSECRET", "closed_reason": "SECRET\\u0000SECRET"}]', 422),
    ],
)
async def test_broken_input_is_refused_without_repeating_it(capacity, body, status):
    refused = await capacity.post("reports", body, headers={"Content-Type": "application/json"})

    assert refused.status_code == status
    assert refused.headers["content-type"] == "application/problem+json"
    assert b"SECRET" not in refused.content


async def test_one_time_is_needed_and_no_more(capacity):
    unit_id = await capacity.unit()

    assert (await capacity.post("reports", capacity.a_report(unit_id, age_seconds=...))).status_code == 422
    assert (await capacity.post("reports", {**capacity.a_report(unit_id), "observed_at": ago(minutes=1).isoformat()})).status_code == 422
    assert (await capacity.post("reports", capacity.a_report(unit_id, observed_at="2026-03-01T12:00:00"))).status_code == 422
    assert (await capacity.post("reports", capacity.a_report(unit_id, observed_at=1_700_000_000))).status_code == 422


async def test_a_token_is_needed_and_must_not_have_expired(capacity):
    unit_id = await capacity.unit()

    for token in ("", "Bearer x", f"Bearer {capacity.token(ttl=-1)}"):
        refused = await capacity.post("reports", capacity.a_report(unit_id), headers={"Authorization": token})
        assert refused.status_code == 401


async def test_the_same_command_with_the_same_key_is_answered_the_same(capacity):
    unit_id = await capacity.unit()
    report, key = capacity.a_report(unit_id), {"Idempotency-Key": "k1"}

    first = await capacity.post("reports", report, headers=key)
    second = await capacity.post("reports", report, headers=key)

    assert second.content == first.content
    assert (await capacity.post("reports", {**report, "occupied": 1}, headers=key)).status_code == 422


async def test_reports_that_race_for_one_unit_all_count(capacity):
    unit_id = await capacity.unit()
    reports = [capacity.a_report(unit_id, observed_at=ago(seconds=seconds), occupied=seconds % 9) for seconds in range(20)]

    answers = await asyncio.gather(*(capacity.post("reports", report) for report in reports))

    assert {answer.status_code for answer in answers} == {202}
    assert (await capacity.figures(unit_id))[2] == 0
    versions = [event["_version"] for event in await capacity.published("capacity.observations.v1", unit_id)]
    assert versions == list(range(versions[0], versions[0] + 20))


async def test_the_same_report_sent_by_many_at_once_counts_once(capacity):
    location_id = await capacity.location()
    one, other = await capacity.unit(location_id), await capacity.unit(location_id, name="Beuk")
    report = capacity.a_report(one)

    answers = await asyncio.gather(*(capacity.post("reports", {**report, "unit_id": unit_id}) for unit_id in [one, other] * 5))

    accepted = [answer.json() for answer in answers if answer.status_code == 202]
    assert len(accepted) == 5
    assert sum(not taken["duplicate"] for taken in accepted) == 1
    assert {answer.status_code for answer in answers} == {202, 409}
    assert len(await capacity.rows("select from observations")) == 1
