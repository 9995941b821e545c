import random
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from chassis.database.sql import Database
from chassis.testing.waiting import eventually
from contracts.capacity import FLOWS, OBSERVATIONS, UNITS
from contracts.placement import HOLDS, PLACEMENTS
from reporting.adapters.sql.figures import SqlFigures
from reporting.application.recount import Recount

KIND = {"care_type": "ELV_HOOG", "cohort": "GEEN"}


async def in_the_country(client) -> dict[str, object]:
    items = await client.national(level="NL", **KIND)
    return items[0] if items else {}


async def equals_a_recount(settings) -> bool:
    database = Database(settings.database_url, pool_size=1)
    await database.open()
    try:
        return not await Recount(database, SqlFigures())()
    finally:
        await database.close()


async def test_a_change_at_a_bedside_is_seen_on_the_stream(capacity, start_worker, start_api, build) -> None:
    await start_worker()
    client = await start_api()
    unit_id = uuid4()

    async with client.stream(level="VR", region="VR03") as stream:
        await stream.until_tick()
        await capacity.says(UNITS, [build.unit(unit_id, free=4)])
        assert (await stream.next()).data["free"] == 4
        await capacity.says(UNITS, [build.unit(unit_id, free=3)])
        assert (await stream.next()).data["free"] == 3

        tick = await stream.next(ticks=True)
        while tick.data["heard_at"] is None:
            tick = await stream.next(ticks=True)


async def test_a_place_that_is_held_is_taken_off_what_is_available_on_the_stream(
    capacity, placement, start_worker, start_api, build
) -> None:
    await start_worker()
    client = await start_api()
    first, second = build.unit(free=4), build.unit(free=2)

    async with client.stream(level="VR", region="VR03") as stream:

        async def shows(**wanted: int) -> bool:
            figure = (await stream.next()).data
            return {name: figure[name] for name in wanted} == wanted

        await stream.until_tick()
        await capacity.says(UNITS, [first])
        await eventually(lambda: shows(free=4, held=0, available=4), timeout=60)
        await placement.says(HOLDS, [build.holds(first.unit_id, uuid4(), uuid4())])
        await eventually(lambda: shows(free=4, held=2, available=2), timeout=60)
        # Of the second unit the holds are heard of first.
        await placement.says(HOLDS, [build.holds(second.unit_id, uuid4())])
        await capacity.says(UNITS, [second])
        await eventually(lambda: shows(free=6, held=3, available=3), timeout=60)
        await placement.says(HOLDS, [build.holds(first.unit_id)])
        await eventually(lambda: shows(free=6, held=1, available=5), timeout=60)


async def test_killed_workers_lose_no_hold_and_no_answer_and_count_none_twice(capacity, placement, start_worker, start_api, build) -> None:
    worker = await start_worker()
    client = await start_api()
    dice = random.Random(11)
    units = [build.unit(free=3) for _ in range(20)]
    held: dict[object, int] = {}
    day = datetime(2026, 1, 15, 11, tzinfo=UTC)

    async def a_while() -> None:
        changes = []
        for unit in dice.sample(units, 15):
            held[unit.unit_id] = dice.randrange(5)
            changes.append(build.holds(unit.unit_id, *(uuid4() for _ in range(held[unit.unit_id]))))
        await placement.says(HOLDS, changes)
        await capacity.says(UNITS, dice.sample(units, 10))
        await placement.says(PLACEMENTS, [build.placed.declined(day) for _ in range(50)])

    await capacity.says(UNITS, units)
    await eventually(lambda: in_the_country(client), timeout=30)
    for _ in range(3):
        await a_while()
        worker.kill9()
        await worker.wait_exit()
        await a_while()
        worker = await start_worker()
    await placement.says(PLACEMENTS, [last := build.placed.declined(day)])
    # The relay crashed between sending and marking: it sends the last one again.
    await placement.says(PLACEMENTS, [last], again=True)

    async def has_all() -> bool:
        figure = await in_the_country(client)
        items = await client.national(figure="placements", level="NL", **{"from": "2026-01-15", "to": "2026-01-15"})
        return (
            figure["held"] == sum(held.values())
            and figure["available"] == sum(max(0, 3 - held.get(unit.unit_id, 0)) for unit in units)
            and [item["declined"] for item in items] == [301]
            and await equals_a_recount(capacity.settings)
        )

    await eventually(has_all, timeout=60, every=0.5, what="every hold and every answer, once")


async def test_killed_workers_lose_nothing_and_count_nothing_twice(capacity, country, start_worker, start_api, build) -> None:
    first = await start_worker()
    client = await start_api()
    dice = random.Random(7)
    units = [uuid4() for _ in range(60)]

    def a_change():
        unit_id = dice.choice(units)
        vr, roaz = dice.choice([("VR03", "NN"), ("VR13", "NHF"), ("VR20", "BR")])
        return build.unit(unit_id, free=dice.randrange(9), vr=vr, roaz=roaz)

    first_changes = [a_change() for _ in range(400)]
    await capacity.says(UNITS, first_changes[:200])
    await eventually(lambda: in_the_country(client), timeout=30)
    await capacity.says(UNITS, first_changes[200:])
    first.kill9()
    await first.wait_exit()
    second = await start_worker()
    await capacity.says(UNITS, [a_change() for _ in range(300)])
    third = await start_worker()
    await capacity.says(UNITS, [a_change() for _ in range(300)])
    await capacity.says(UNITS, [last := build.unit(units[0], free=8)])
    second.kill9()
    # The relay crashed between sending and marking: it sends the last one again.
    await capacity.says(UNITS, [last], again=True)

    expected = len({subject for topic, subject in capacity.versions if topic == UNITS.name})

    async def has_all() -> bool:
        figure = await in_the_country(client)
        return figure.get("units") == expected and await equals_a_recount(country.settings)

    await eventually(has_all, timeout=60, every=0.5, what="a picture equal to a recount")
    assert third.is_running


async def test_a_unit_whose_event_cannot_be_read_makes_its_figures_incomplete_until_the_next_one(
    capacity, start_worker, start_api, build
) -> None:
    await start_worker()
    client = await start_api()
    unit = build.unit(free=4)
    await capacity.says(UNITS, [unit])
    await eventually(lambda: in_the_country(client), timeout=30)

    await capacity.sends_nonsense(UNITS, unit)

    async def is_incomplete() -> bool:
        return bool((await in_the_country(client))["incomplete"])

    await eventually(is_incomplete, timeout=20)
    await capacity.says(UNITS, [unit])

    async def is_whole_again() -> bool:
        return not await is_incomplete()

    await eventually(is_whole_again, timeout=20)


async def test_a_figure_becomes_unknown_on_the_stream_when_nobody_confirms_it(capacity, start_worker, start_api, build) -> None:
    await start_worker()
    client = await start_api()

    async def is_known_of(units: int) -> bool:
        return int((await in_the_country(client)).get("units_known", -1)) == units

    # Until the worker has its partitions nothing is read: what has little time to live comes after that.
    await capacity.says(UNITS, [build.unit()])
    await eventually(lambda: is_known_of(1), timeout=60)

    await capacity.says(UNITS, [build.unit(fresh_until=datetime.now(UTC) + timedelta(seconds=8))])
    await eventually(lambda: is_known_of(2), timeout=30)
    await eventually(lambda: is_known_of(1), timeout=30)
    assert (await in_the_country(client))["units"] == 2


async def test_what_hospitals_report_stands_in_the_feed_of_its_day(capacity, start_worker, start_api, build) -> None:
    await start_worker()
    client = await start_api()
    day = datetime(2021, 1, 31, 12, tzinfo=UTC)
    await capacity.says(OBSERVATIONS, [build.observation(uuid4(), day, 900), build.observation(uuid4(), day, 673)])
    await capacity.says(FLOWS, [build.admission(142, day)])

    async def feed() -> str:
        return (await client.get("feeds/lcps.csv", **{"from": "2021-01-31", "to": "2021-01-31"})).text

    async def is_told() -> bool:
        return (await feed()).endswith("\n31-1-2021,,,1573,,142\n")

    await eventually(is_told, timeout=30)
