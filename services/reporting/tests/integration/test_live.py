import asyncio

import pytest


async def test_the_picture_and_the_stream_show_the_same_figure_in_the_same_words(country, start_api) -> None:
    await country.says("VR03", free=4)
    client = await start_api()

    async with client.stream() as stream:
        streamed = await stream.next()
    snapshot = (await client.get("national")).json()

    assert snapshot["items"] == [streamed.data]
    assert snapshot["id"] == streamed.id
    assert streamed.data["version"] == 2**40 + 1


async def test_everything_that_matches_comes_first_and_then_every_change(country, start_api) -> None:
    await country.says("VR03", free=4)
    await country.says("NN", free=4)
    client = await start_api()

    async with client.stream(level="VR") as stream:
        assert [event.data["region"] for event in await stream.until_tick()] == ["VR03"]

        await country.says("NN", free=3)
        await country.says("VR03", free=3)

        change = await stream.next()
        assert (change.data["region"], change.data["free"]) == ("VR03", 3)


async def test_an_older_version_that_comes_late_never_overwrites_a_newer_one(country, start_api) -> None:
    await country.says("VR03", free=4)
    await country.says("VR03", free=3)
    client = await start_api()
    async with client.stream() as stream:
        await stream.until_tick()

        await country.says("VR03", free=9, version=2**40 + 1)
        await country.says("VR04", free=1)

        assert (await stream.next()).data["region"] == "VR04"
    assert {item["region"]: item["free"] for item in await client.national()} == {"VR03": 3, "VR04": 1}


async def test_a_reader_that_comes_back_at_another_process_gets_what_it_missed_and_nothing_else(country, start_api) -> None:
    await country.says("VR03", free=4)
    await country.says("VR04", free=4)
    here, there = await start_api(), await start_api()
    async with here.stream() as stream:
        await stream.until_tick()
        seen = stream.last_id

    await country.says("VR04", free=3)
    await country.says("VR04", free=2)
    await country.says("VR05", free=1)

    async with there.stream(last_id=seen) as stream:
        missed = {}
        while "VR05" not in missed:
            event = await stream.next()
            assert event.name == "message"
            missed[event.data["region"]] = event.data["free"]
    assert missed == {"VR04": 2, "VR05": 1}


@pytest.mark.parametrize("last_id", ["another-topic:1,2,3", "nonsense", "x:1,2"])
async def test_an_id_of_another_topic_begins_anew_and_says_so(country, start_api, last_id: str) -> None:
    await country.says("VR03", free=4)
    client = await start_api()

    async with client.stream(last_id=last_id) as stream:
        assert (await stream.next()).name == "reset"
        assert (await stream.next()).data["region"] == "VR03"


async def test_bundles_carry_the_last_of_each_figure_and_only_their_end_says_how_far_they_reach(country, start_api) -> None:
    await country.says("VR03", free=9)
    client = await start_api()
    async with client.stream(every_ms="400") as stream, client.stream(every_ms="400") as other:
        await stream.until_tick()
        await other.until_tick()
        before = stream.last_id

        await asyncio.gather(*(country.says("VR03", free=free) for free in (8, 7, 6)))
        await country.says("VR04", free=1)

        first, second = await stream.next(), await stream.next()
        assert {first.data["region"]: first.data["free"], second.data["region"]: second.data["free"]} == {"VR03": 6, "VR04": 1}
        assert first.id == before
        assert second.id == (await client.get("national")).json()["id"]
        assert [(await other.next()).data for _ in range(2)] == [first.data, second.data]


async def test_every_five_seconds_the_stream_says_the_time_and_when_kafka_was_last_heard_of(country, start_api) -> None:
    await country.beats(3)
    client = await start_api()
    async with client.stream() as stream:
        first = await stream.next(ticks=True)
        second = await stream.next(ticks=True)

    assert first.name == second.name == "tick"
    assert first.data["heard_at"] is not None
    assert first.data["now"] < second.data["now"]


async def test_before_the_topic_has_been_read_nothing_is_shown_rather_than_a_part(country, start_api) -> None:
    client = await start_api()
    assert (await client.get("national")).json()["items"] == []


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"regio": "VR03"}, 400),
        ({"level": "GEMEENTE"}, 422),
        ({"region": "VR26"}, 422),
        ({"level": "ROAZ", "region": "VR03"}, 422),
        ({"care_type": "IC2"}, 422),
    ],
)
async def test_a_question_that_cannot_be_answered_is_refused_without_repeating_it(country, start_api, parameters, status) -> None:
    client = await start_api()
    for path in ("national", "national/stream"):
        answer = await client.get(path, **parameters)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert all(value not in answer.text for value in parameters.values() if value != "ROAZ")


async def test_who_may_read_the_national_figures(country, start_api) -> None:
    client = await start_api()
    for role in ("lcps", "vws", "rcps", "roaz", "dpg", "coordinator", "auditor", "admin", "analyst"):
        assert (await client.get("national", role=role)).status_code == 200
    for role in ("provider", "hospital", "referrer", "triagist", "expert"):
        assert (await client.get("national", role=role)).status_code == 403
    assert (await client.get("national", role=None)).status_code == 401
    page = await client.http.get("/rapportage/landelijk")
    assert page.status_code == 200
    assert (await client.get("national", role=None)).status_code == 200, "a visitor's cookie reads"


async def test_an_analyst_sees_no_count_of_one_to_four_patients_and_none_to_work_it_out_from(country, start_api) -> None:
    await country.says("NL", occupied=60)
    await country.says("VR03", occupied=3, free=7)
    await country.says("VR04", occupied=57, free=2)
    client = await start_api()

    items = {item["region"]: item for item in (await client.get("national", role="analyst")).json()["items"]}

    assert items["NL"]["occupied"] == 60
    assert items["VR03"]["occupied"] is items["VR03"]["free"] is items["VR03"]["available"] is None
    assert items["VR04"]["occupied"] is None, "from it and the country the other could be worked out"
    assert (await client.get("national/stream", role="analyst")).status_code == 403
