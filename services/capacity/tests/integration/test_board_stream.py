"""The board live: everything that matches, then each change, and on again after a break at any process."""

from uuid import uuid4

from chassis.testing.waiting import eventually

HOLD = uuid4()


async def test_a_report_and_a_held_place_are_seen_at_once(capacity, api_process, follow):
    unit_id, other = await capacity.unit(), await capacity.unit(name="Beuk")
    address = await api_process()

    async with follow(address) as board:
        begun = await board.until_tick()
        assert {told.data["id"] for told in begun} == {unit_id, other}
        assert all(told.data["free"] is None for told in begun)

        await capacity.report(unit_id)
        reported = (await board.next()).data
        assert (reported["id"], reported["free"], reported["held"], reported["available"]) == (unit_id, 2, 0, 2)

        await capacity.placement_tells(capacity.held(unit_id, HOLD))
        held = (await board.next()).data
        assert (held["id"], held["free"], held["held"], held["available"]) == (unit_id, 2, 1, 1)
        assert held["version"] == reported["version"]
        assert held["holds_version"] > reported["holds_version"]


async def test_after_a_break_another_process_tells_what_was_missed(capacity, api_process, follow):
    unit_id, quiet = await capacity.unit(), await capacity.unit(name="Beuk")
    await capacity.report(unit_id)
    first, second = await api_process(), await api_process()
    async with follow(first) as board:
        await board.until_tick()
        await eventually(lambda: board.last_id)
        last_id = board.last_id

    await capacity.placement_tells(capacity.held(unit_id, HOLD))

    async with follow(second, last_id=last_id) as board:
        missed = await board.until_tick()
    assert [(told.name, told.data["id"], told.data["available"]) for told in missed] == [("message", unit_id, 1)]
    assert quiet not in {told.data["id"] for told in missed}


async def test_a_stream_shows_its_own_region_and_tells_when_a_unit_moves_away(capacity, api_process, follow):
    location_id = await capacity.location()
    unit_id = await capacity.unit(location_id)
    elsewhere = await capacity.unit(await capacity.location(municipality="GM0363", name="De Amstel"))
    address = await api_process()

    shown = await capacity.shown(unit_id)
    async with follow(address, f"?roaz={shown['roaz']}") as board:
        assert {told.data["id"] for told in await board.until_tick()} == {unit_id}
        await capacity.report(elsewhere)
        location = await capacity.get(f"locations/{location_id}")
        moved = await capacity.send(
            "PATCH", f"locations/{location_id}", {"municipality": "GM0363"}, headers={"If-Match": location.headers["etag"]}
        )
        assert moved.status_code == 200
        told = await board.next()
        assert (told.name, told.data["id"]) == ("gone", unit_id)


async def test_an_id_that_is_not_ours_begins_anew(capacity, api_process, follow):
    unit_id = await capacity.unit()

    async with follow(await api_process(), last_id="gisteren") as board:
        begun = await board.until_tick()

    assert [told.name for told in begun] == ["reset", "message"]
    assert begun[1].data["id"] == unit_id
