"""A whole region in one file: good lines count, whatever stands in the others."""

import orjson

from capacity.bootstrap import api


async def test_good_lines_count_and_bad_ones_say_why(capacity):
    unit_id = await capacity.unit()
    good, same = capacity.a_report(unit_id), capacity.a_report(unit_id)

    results = await capacity.lines(
        "reports/batch",
        [
            good,
            b'{"report_id": "SECRET"',
            capacity.a_report(unit_id, occupied=11),
            b"",
            capacity.a_report("00000000-0000-4000-8000-000000000000"),
            same,
            same,
            {**same, "occupied": 3},
            b'"SECRET"',
            b'{"x": "' + b"y" * 9000 + b'"}',
        ],
    )

    assert [(result["line"], result["status"]) for result in results] == [
        (1, 202), (2, 400), (3, 422), (5, 404), (6, 202), (7, 202), (8, 409), (9, 422), (10, 413),
    ]  # fmt: skip
    assert results[0]["report_id"] == good["report_id"]
    assert results[0]["problem"] is None
    assert results[2]["problem"]["errors"][0]["pointer"] == "/occupied"
    assert [result.get("duplicate") for result in results[4:6]] == [False, True]
    assert b"SECRET" not in orjson.dumps(results)


async def test_a_unit_is_told_once_a_chunk_and_every_report_once(capacity):
    location_id = await capacity.location()
    units = [await capacity.unit(location_id, name=str(nth)) for nth in range(3)]
    lines = [capacity.a_report(units[nth % 3], age_seconds=300 - nth, occupied=nth % 8) for nth in range(300)]

    results = await capacity.lines("reports/batch", lines)

    assert [result["line"] for result in results] == list(range(1, 301))
    assert {result["status"] for result in results} == {202}
    assert len(await capacity.published("capacity.observations.v1")) == 300
    assert len(await capacity.published("capacity.units.v1")) == 3 + 3
    assert [(await capacity.figures(unit_id))[2] for unit_id in units] == [297 % 8, 298 % 8, 299 % 8]


async def test_the_same_file_again_changes_nothing(capacity):
    unit_id = await capacity.unit()
    lines = [capacity.a_report(unit_id, age_seconds=nth) for nth in range(50)]
    await capacity.lines("reports/batch", lines)
    shown = await capacity.shown(unit_id)

    results = await capacity.lines("reports/batch", lines[::-1])

    assert all(result["duplicate"] for result in results)
    assert await capacity.shown(unit_id) == shown


async def test_another_content_type_is_refused(capacity):
    assert (await capacity.post("reports/batch", [{}])).status_code == 415


async def test_a_region_comes_in_one_file_units_naming_their_locations(capacity):
    location = {"kind": "location", "name": "De Linde", "sector": "VVT", "municipality": "GM0200", "external_id": "agb-1"}
    unit = {"kind": "unit", "location_external_id": "agb-1", "name": "Eik", "care_type": "GRZ", "cohort": "GEEN", "external_id": "eik"}

    lines = [
        location,
        unit,
        {**unit, "external_id": None, "location_external_id": "agb-2"},
        {"kind": "ward"},
        {**location, "municipality": "GM0788"},
    ]
    results = await capacity.lines("registry/batch", lines)

    assert [(result["line"], result["status"]) for result in results] == [(1, 201), (2, 201), (3, 404), (4, 422), (5, 422)]
    again = await capacity.lines("registry/batch", [{**unit, "name": "Beuk"}, location])
    assert [(result["status"], result["location_id"], result["unit_id"]) for result in again] == [
        (200, None, results[1]["unit_id"]), (200, results[0]["location_id"], None),
    ]  # fmt: skip
    assert (await capacity.shown(results[1]["unit_id"]))["name"] == "Beuk"


def test_the_service_announces_its_api():
    assert callable(api)
