"""What readers get over HTTP of what placement did."""

from datetime import UTC, datetime

import pytest
import pytest_asyncio

from chassis.database.sql import Database
from chassis.messaging.reading import Received
from reporting.adapters.sql.placements import SqlPlacementCounts
from reporting.application.count_placements import CountPlacements

DAYS = {"from": "2026-01-15", "to": "2026-01-15"}
NOON = datetime(2026, 1, 15, 11, tzinfo=UTC)


@pytest_asyncio.fixture
async def tells(country):
    """Placement has told these: `await tells(event, …)`."""
    database = Database(country.settings.database_url, pool_size=1)
    await database.open()

    async def told(*events) -> None:
        async with database.begin() as tx:
            received = [Received(event, event.subject, 1, "placement.placements.v1", 0, 0, NOON, NOON) for event in events]
            await CountPlacements(SqlPlacementCounts())(tx, received)

    yield told
    await database.close()


async def test_a_day_of_placements_comes_with_the_keys_of_a_figure_and_its_own_counts(tells, start_api, build) -> None:
    placed = build.placed
    await tells(placed.offered(NOON), placed.offered(NOON), placed.declined(NOON), placed.accepted(NOON))
    client = await start_api()

    answer = await client.get("national", figure="placements", level="VR", **DAYS)

    assert answer.status_code == 200
    assert answer.json()["items"] == [
        {
            "figure": "placements",
            "day": "2026-01-15",
            "level": "VR",
            "region": "VR03",
            "sector": "VVT",
            "care_type": "ELV_HOOG",
            "cohort": "GEEN",
            "offers": 2,
            "accepted": 1,
            "declined": 1,
            "declined_by_reason": {"VOL": 1},
            "expired": 0,
            "withdrawn": 0,
            "admitted": 0,
            "released": 0,
            "mean_seconds_to_place": 1_200.0,
        }
    ]


async def test_small_numbers_of_patients_are_null_for_who_may_not_see_them_and_the_rest_stays(tells, start_api, build) -> None:
    await tells(build.placed.offered(NOON), build.placed.accepted(NOON), build.placed.declined(NOON))
    client = await start_api()
    await client.http.get("/rapportage/landelijk")
    own = (await client.get("national", role="coordinator", of="VR03", figure="placements", level="VR", **DAYS)).json()["items"]
    assert own[0]["accepted"] == 1

    for role, region in [("analyst", None), ("vws", None), ("coordinator", "VR20"), (None, None)]:
        answer = await client.get("national", role=role, of=region, figure="placements", level="VR", **DAYS)
        (item,) = answer.json()["items"]
        hidden = ("offers", "accepted", "admitted", "released", "mean_seconds_to_place")
        assert [item[name] for name in hidden] == [None] * 5
        assert (item["declined"], item["suppressed"]) == (1, True)
        assert answer.headers["cache-control"] == "no-store"


async def test_beds_are_what_is_shown_when_nothing_is_said_and_have_no_days(country, start_api) -> None:
    await country.says("VR03", free=4)
    client = await start_api()

    assert await client.national(figure="beds") == await client.national()
    refused = await client.get("national", **DAYS)
    assert refused.status_code == 400
    assert "2026" not in refused.text


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"figure": "bedden"}, 422),
        ({"figure": "placements", "from": "gisteren"}, 422),
        ({"figure": "placements", "from": "2026-01-16", "to": "2026-01-15"}, 422),
        ({"figure": "placements", "from": "2025-01-15", "to": "2026-01-15"}, 422),
        ({"figure": "placements", "region": "VR26"}, 422),
        ({"figure": "placements", "on": "2026-01-15"}, 400),
    ],
)
async def test_a_question_about_placements_that_cannot_be_answered_is_refused(country, start_api, parameters, status) -> None:
    client = await start_api()

    answer = await client.get("national", **parameters)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
