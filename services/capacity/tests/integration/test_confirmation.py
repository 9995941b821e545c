"""One tap: nothing changed."""

from datetime import UTC, datetime, timedelta


async def confirm(capacity, unit_id, etag, **how):
    headers = {} if etag is None else {"If-Match": etag}
    return await capacity.post(f"units/{unit_id}/confirmation", headers=headers, **how)


async def test_a_confirmation_refreshes_what_was_seen(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id, observed_at=datetime.now(UTC) - timedelta(hours=3))
    seen = await capacity.shown(unit_id)

    confirmed = await confirm(capacity, unit_id, seen["etag"])

    assert confirmed.status_code == 200
    shown = await capacity.shown(unit_id)
    assert shown["fresh_until"] > seen["fresh_until"]
    assert (shown["occupied"], shown["source"]) == (7, "PLANNER")
    assert shown["etag"] == confirmed.headers["etag"] != seen["etag"]
    assert len(await capacity.published("capacity.observations.v1", unit_id)) == 2


async def test_a_confirmation_never_refreshes_what_was_not_seen(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id, occupied=3)
    seen = await capacity.shown(unit_id)
    await capacity.report(unit_id, occupied=9)

    assert (await confirm(capacity, unit_id, None)).status_code == 428
    assert (await confirm(capacity, unit_id, seen["etag"])).status_code == 412
    assert (await capacity.figures(unit_id))[2] == 9


async def test_a_second_tap_does_not_count_twice(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id)
    seen = await capacity.shown(unit_id)
    await confirm(capacity, unit_id, seen["etag"])

    assert (await confirm(capacity, unit_id, seen["etag"])).status_code == 412


async def test_what_is_unknown_or_contradicts_itself_cannot_be_confirmed(capacity):
    unit_id = await capacity.unit()
    assert (await confirm(capacity, unit_id, (await capacity.shown(unit_id))["etag"])).status_code == 409

    await capacity.report(unit_id, source="EPD", occupied=2)
    await capacity.report(unit_id, source="TELEFOON", occupied=5)
    # State comes before version: also who saw an old one hears what the matter is.
    assert (await confirm(capacity, unit_id, '"0"')).status_code == 409


async def test_a_confirmation_restates_each_figure_by_the_source_that_said_it(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id, source="PLANNER", occupied=...)
    await capacity.report(unit_id, source="EPD", total=..., open=..., reserved=..., occupied=4)

    await confirm(capacity, unit_id, (await capacity.shown(unit_id))["etag"])

    history = (await capacity.get(f"units/{unit_id}/history")).json()["items"]
    confirmed = {item["source"]: item["stated"] for item in history if item["kind"] == "CONFIRMATION"}
    assert confirmed == {"EPD": ["occupied"], "PLANNER": ["total", "open", "reserved"]}


async def test_nobody_confirms_the_unit_of_another(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id)

    assert (await confirm(capacity, unit_id, (await capacity.shown(unit_id))["etag"], org="someone-else")).status_code == 403
    assert (await confirm(capacity, "8d4e5a3c-0000-4000-8000-000000000000", '"1"')).status_code == 404
