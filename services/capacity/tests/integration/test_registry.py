"""Who gives care where."""

import asyncio

import pytest


async def test_a_location_lies_in_its_municipalitys_regions(capacity):
    location_id = await capacity.location(municipality="GM0119")

    location = (await capacity.get(f"locations/{location_id}")).json()

    # Meppel lies in Drenthe and yet belongs to the ZCC of Zwolle.
    assert (location["municipality"], location["vr"], location["roaz"]) == ("GM0119", "VR03", "ZW")
    assert location["organisation"] == "zorggroep-oost"


@pytest.mark.parametrize(("vr", "roaz"), [("VR03", "ONBEKEND"), ("VR06", "ONBEKEND"), ("VR07", "ONBEKEND"), ("VR13", "NHF")])
async def test_a_location_of_which_only_the_region_is_known_is_never_guessed(capacity, vr, roaz):
    location_id = await capacity.location(municipality=..., vr=vr)

    location = (await capacity.get(f"locations/{location_id}")).json()

    assert (location["municipality"], location["vr"], location["roaz"]) == (None, vr, roaz)


async def test_a_merged_municipality_stands_for_its_successor(capacity):
    # Weesp became part of Amsterdam.
    location_id = await capacity.location(municipality="GM0457")

    location = (await capacity.get(f"locations/{location_id}")).json()

    assert (location["municipality"], location["vr"]) == ("GM0363", "VR13")


@pytest.mark.parametrize(
    "fields",
    [
        {"municipality": "GM0788"},
        {"municipality": "GM9999"},
        {"municipality": "Utrecht"},
        {"municipality": ..., "vr": "VR99"},
        {"municipality": ...},
        {"municipality": "GM0119", "vr": "VR13"},
        {"sector": "KAPPER"},
        {"name": ""},
        {"name": ...},
        {"latitude": 91},
        {"latitude": "52"},
    ],
)
async def test_a_place_that_is_not_there_is_refused(capacity, fields):
    form = {"name": "De Linde", "sector": "VVT", "municipality": "GM0200", **fields}

    refused = await capacity.post("locations", {name: value for name, value in form.items() if value is not ...})

    assert refused.status_code == 422
    assert refused.json()["errors"]
    assert await capacity.rows("select from locations") == []


async def test_posting_an_external_id_again_updates_and_what_is_left_out_stays(capacity):
    first = await capacity.location(external_id="agb-1", phone="0123")

    again = await capacity.post("locations", {"name": "De Eik", "sector": "VVT", "municipality": "GM0119", "external_id": "agb-1"})

    assert (again.status_code, again.json()["location_id"]) == (200, first)
    location = (await capacity.get(f"locations/{first}")).json()
    assert (location["name"], location["phone"], location["vr"]) == ("De Eik", "0123", "VR03")
    assert await capacity.location(external_id="agb-2") != first


async def test_an_external_id_that_many_post_at_once_is_one_location(capacity):
    assert len(set(await asyncio.gather(*(capacity.location(external_id="agb-1") for _ in range(8))))) == 1
    location_id = await capacity.location()
    assert len(set(await asyncio.gather(*(capacity.unit(location_id, external_id="u-1") for _ in range(8))))) == 1


async def test_another_organisations_register_is_closed(capacity):
    location_id = await capacity.location()
    form = {"name": "X", "sector": "VVT", "municipality": "GM0200"}

    assert (await capacity.post("locations", {**form, "organisation": "someone-else"})).status_code == 403
    assert (await capacity.post("locations", form, org=None)).status_code == 422
    assert (await capacity.post("locations", {**form, "organisation": "anyone"}, role="admin", org=None)).status_code == 201
    assert (await capacity.post("locations", form, role="referrer")).status_code == 403
    unit = {"location_id": location_id, "name": "X", "care_type": "GRZ", "cohort": "GEEN"}
    assert (await capacity.post("units", unit, org="someone-else")).status_code == 403


async def test_a_location_that_moves_takes_its_units_along_but_not_their_old_days(capacity):
    location_id = await capacity.location()
    unit_id = await capacity.unit(location_id)
    await capacity.report(unit_id)
    etag = (await capacity.get(f"locations/{location_id}")).headers["etag"]

    moved = await capacity.send("PATCH", f"locations/{location_id}", {"municipality": "GM0119"}, headers={"If-Match": etag})

    assert moved.status_code == 200
    told = (await capacity.published("capacity.units.v1", unit_id))[-1]
    assert (told["vr"], told["roaz"], told["occupied"]) == ("VR03", "ZW", 7)
    assert (await capacity.published("capacity.observations.v1", unit_id))[0]["vr"] == "VR06"
    assert (await capacity.get("units?vr=VR03")).json()["items"][0]["unit_id"] == unit_id
    stale = await capacity.send("PATCH", f"locations/{location_id}", {"name": "X"}, headers={"If-Match": etag})
    assert stale.status_code == 412
    assert (await capacity.send("PATCH", f"locations/{location_id}", {"name": "X"})).status_code == 428


async def test_a_unit_changes_by_the_version_that_was_seen(capacity):
    unit_id = await capacity.unit(features={"isolation": True, "oxygen_l_min": 5, "colour": "red"})
    seen = await capacity.shown(unit_id)
    assert seen["features"] == {"isolation": True, "oxygen_l_min": 5}

    changed = await capacity.send("PATCH", f"units/{unit_id}", {"care_type": "IC"}, headers={"If-Match": seen["etag"]})

    assert (changed.json()["care_type"], changed.json()["age_limit_seconds"], changed.json()["name"]) == ("IC", 3600, "Eik")
    assert changed.json()["features"] == {"isolation": True, "oxygen_l_min": 5}
    stale = await capacity.send("PATCH", f"units/{unit_id}", {"name": "X"}, headers={"If-Match": seen["etag"]})
    assert stale.status_code == 412


async def test_the_register_remembers_what_it_said(capacity):
    location_id = await capacity.location(external_id="agb-1")
    await capacity.unit(location_id)
    await capacity.location(external_id="agb-1")
    await capacity.location(external_id="agb-1", name="De Eik")

    rows = await capacity.rows("select kind, version, said ->> 'name' as name, recorded_xid from registry_changes order by id")

    assert [(row["kind"], row["version"], row["name"]) for row in rows] == [
        ("LOCATION", 1, "De Linde"), ("UNIT", 1, "Eik"), ("LOCATION", 2, "De Eik"),
    ]  # fmt: skip
    assert all(row["recorded_xid"] for row in rows)


async def test_lists_come_in_pages_that_lead_on(capacity):
    location_id = await capacity.location()
    units = {await capacity.unit(location_id, name=str(nth)) for nth in range(5)}

    seen, link = [], "units?limit=2&care_type=ELV_HOOG"
    while link:
        page = await capacity.get(link)
        assert len(page.json()["items"]) <= 2
        seen += [unit["unit_id"] for unit in page.json()["items"]]
        link = page.links.get("next", {}).get("url", "").removeprefix("/capacity/v1/")

    assert len(seen) == 5
    assert set(seen) == units
    assert (await capacity.get("locations")).json()["items"][0]["location_id"] == location_id


@pytest.mark.parametrize(
    ("filters", "found"),
    [("roaz=ZW", 1), ("roaz=NN", 0), ("vr=VR06", 1), ("sector=VVT", 1), ("sector=GGZ", 0), ("cohort=GEEN", 1), ("care_type=IC", 0)],
)
async def test_units_are_found_by_region_and_kind(capacity, filters, found):
    await capacity.unit()

    assert len((await capacity.get(f"units?{filters}", role="triagist", org=None)).json()["items"]) == found


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("units?colour=red", 400),
        ("units?as_of=2026-01-01T00:00:00Z", 400),
        ("units?limit=201", 422),
        ("units?cursor=x", 422),
        ("units?care_type=X", 422),
        ("units/x", 404),
        ("units/8d4e5a3c-0000-4000-8000-000000000000", 404),
        ("units/8d4e5a3c-0000-4000-8000-000000000000/history", 404),
        ("locations/8d4e5a3c-0000-4000-8000-000000000000", 404),
    ],
)
async def test_a_question_we_do_not_understand_is_never_answered_as_if_we_did(capacity, path, status):
    answer = await capacity.get(path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_history_tells_everything_newest_first(capacity):
    unit_id = await capacity.unit()
    for seconds in (30, 10, 20):
        await capacity.report(unit_id, age_seconds=seconds, occupied=seconds // 10)

    first = await capacity.get(f"units/{unit_id}/history?limit=2")
    second = await capacity.get(first.links["next"]["url"].removeprefix("/capacity/v1/"))

    assert [item["occupied"] for item in first.json()["items"]] == [1, 2]
    assert [item["occupied"] for item in second.json()["items"]] == [3]
    assert "next" not in second.links
    begin = first.json()["items"][1]["observed_at"]
    since = await capacity.get(f"units/{unit_id}/history?from={begin}")
    assert [item["occupied"] for item in since.json()["items"]] == [1, 2]
    before = await capacity.get(f"units/{unit_id}/history?to={begin}")
    assert [item["occupied"] for item in before.json()["items"]] == [3]
