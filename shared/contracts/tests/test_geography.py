"""A figure counts in the region where it was true, on the day on which it was true."""

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.geography import (
    UNKNOWN_ROAZ,
    Place,
    UnknownPlace,
    all_municipalities,
    current_municipality,
    municipalities,
    place_of_municipality,
    place_of_vr,
    roaz_regions,
    safety_regions,
)

# The table of the domain's chapter on geography: number, name, population x1000 on 1-1-2021 / nursing-home locations.
TABLE = {
    "NN": "01 Groningen 587/80, 02 Fryslân 651/128, 03 Drenthe 495/99",
    "ZW": "04 IJsselland 535/86, 06 Noord- en Oost-Gelderland 831/157",
    "EU": "05 Twente 632/114",
    "OO": "07 Gelderland-Midden 701/117, 08 Gelderland-Zuid 564/81",
    "MN": "09 Utrecht 1361/187",
    "NHF": "10 Noord-Holland Noord 666/105, 11 Zaanstreek-Waterland 340/35, 12 Kennemerland 552/69, 13 Amsterdam-Amstelland 1071/84, "
    "14 Gooi en Vechtstreek 259/48, 25 Flevoland 428/29",
    "WE": "15 Haaglanden 1122/117, 16 Hollands Midden 814/97",
    "ZWN": "17 Rotterdam-Rijnmond 1329/147, 18 Zuid-Holland Zuid 461/58, 19 Zeeland 385/85",
    "BR": "20 Midden- en West-Brabant 1130/161, 21 Brabant-Noord 660/90, 22 Brabant-Zuidoost 784/101",
    "LI": "23 Limburg-Noord 522/78, 24 Zuid-Limburg 594/98",
}
NAMES = {
    "NN": "Acute Zorgnetwerk Noord Nederland",
    "ZW": "Netwerk Acute Zorg regio Zwolle",
    "EU": "Acute Zorg Euregio",
    "OO": "Acute Zorgregio Oost",
    "MN": "Traumazorgnetwerk Midden-Nederland",
    "NHF": "Netwerk Acute Zorg Noord-Holland/Flevoland",
    "WE": "Netwerk Acute Zorg West",
    "ZWN": "Traumacentrum Zuidwest-Nederland",
    "BR": "Netwerk Acute Zorg Brabant",
    "LI": "Netwerk Acute Zorg Limburg",
}
NEIGHBOURS = (
    "NN: ZW, NHF · ZW: NN, EU, OO, MN, NHF · EU: ZW, OO · OO: ZW, EU, MN, BR, LI · MN: ZW, OO, NHF, WE, ZWN, BR · "
    "NHF: NN, ZW, MN, WE · WE: NHF, MN, ZWN · ZWN: WE, MN, BR · BR: OO, MN, ZWN, LI · LI: OO, BR"
)
TILES = (
    "FRY 4,1 GRO 5,1 NHN 2,2 IJS 4,2 DRE 5,2 KEN 1,3 ZAW 2,3 FLE 3,3 NOG 4,3 TWE 5,3 HOM 1,4 AMS 2,4 GOV 3,4 UTR 4,4 GEM 5,4 "
    "HGL 1,5 RIJ 2,5 ZHZ 3,5 BRN 4,5 GEZ 5,5 ZEE 2,6 MWB 3,6 BZO 4,6 LIN 5,6 ZLI 5,7"
)
STRADDLERS = {
    ("VR03", "ZW"): {"Meppel", "De Wolden"},
    ("VR06", "EU"): {"Aalten", "Winterswijk", "Oost Gelre", "Berkelland"},
    ("VR06", "OO"): {"Doetinchem", "Oude IJsselstreek", "Bronckhorst", "Montferland"},
    ("VR07", "MN"): {"Barneveld", "Nijkerk", "Scherpenzeel"},
}
LISTED_ON = date(2020, 12, 21)

days = st.dates(date(2020, 1, 1), date(2030, 12, 31))
codes = st.sampled_from(sorted(all_municipalities()))


@pytest.mark.parametrize("roaz", TABLE)
def test_the_regions_are_those_of_the_domain_with_their_people_and_locations(roaz: str) -> None:
    told = re.findall(r"(\d\d) (.+?) (\d+)/(\d+)(?:, |$)", TABLE[roaz])

    regions = [region for region in safety_regions().values() if region.listed_under == roaz]

    assert [(r.code, r.name, round(r.population / 1000), r.nursing_home_locations) for r in regions] == [
        (f"VR{number}", name, int(thousands), int(locations)) for number, name, thousands, locations in told
    ]


def test_there_are_25_safety_regions_ten_roaz_regions_and_2451_nursing_home_locations() -> None:
    assert list(safety_regions()) == [f"VR{number:02}" for number in range(1, 26)]
    assert {region.code: region.name for region in roaz_regions().values()} == NAMES
    assert sum(region.nursing_home_locations for region in safety_regions().values()) == 2451


def test_neighbouring_regions_know_each_other() -> None:
    told = {roaz: tuple(names.split(", ")) for roaz, names in (entry.split(": ") for entry in NEIGHBOURS.split(" · "))}

    assert {region.code: region.neighbours for region in roaz_regions().values()} == told
    assert all(region.code in roaz_regions()[neighbour].neighbours for region in roaz_regions().values() for neighbour in region.neighbours)


def test_every_safety_region_has_its_own_tile_where_people_expect_it() -> None:
    words = TILES.split()

    assert {(r.tile, f"{r.column},{r.row}") for r in safety_regions().values()} == set(zip(words[::2], words[1::2], strict=True))


@pytest.mark.parametrize("roaz", TABLE)
def test_a_roaz_region_is_one_connected_block_on_the_map(roaz: str) -> None:
    tiles = {(region.column, region.row) for region in safety_regions().values() if region.listed_under == roaz}

    reached = {min(tiles)}
    for _ in tiles:
        reached |= {(c, r) for c, r in tiles if reached & {(c - 1, r), (c + 1, r), (c, r - 1), (c, r + 1)}}

    assert reached == tiles


def test_amsterdam_counts_once_among_the_355_municipalities() -> None:
    assert len(municipalities(LISTED_ON)) == 355
    assert [m.code for m in municipalities(LISTED_ON) if m.name == "Amsterdam"] == ["GM0363"]
    assert place_of_municipality("GM0363", LISTED_ON) == Place("GM0363", "VR13", "NHF")


# The numbers of municipalities as Statistics Netherlands gives them.
@pytest.mark.parametrize(
    ("day", "number"),
    [
        (date(2020, 12, 31), 355),
        (date(2021, 1, 1), 352),
        (date(2022, 1, 1), 345),
        (date(2022, 3, 24), 344),
        (date(2023, 1, 1), 342),
        (date(2025, 12, 31), 342),
        (date(2026, 1, 1), 341),
    ],
)
def test_municipalities_become_fewer_on_the_days_of_their_mergers(day: date, number: int) -> None:
    assert len(municipalities(day)) == number


@pytest.mark.parametrize("vr", ["VR03", "VR06", "VR07"])
def test_a_figure_with_only_a_straddling_region_has_no_known_roaz(vr: str) -> None:
    assert place_of_vr(vr) == Place(None, vr, UNKNOWN_ROAZ)


def test_every_other_region_lies_in_the_roaz_region_under_which_it_is_listed() -> None:
    whole = [region for region in safety_regions().values() if region.code not in {"VR03", "VR06", "VR07"}]

    assert len(whole) == 22
    assert all(place_of_vr(region.code) == Place(None, region.code, region.listed_under) for region in whole)


def test_the_straddling_municipalities_are_exactly_those_of_the_footnotes() -> None:
    elsewhere: dict[tuple[str, str], set[str]] = {}
    for municipality in municipalities(LISTED_ON):
        if municipality.roaz != safety_regions()[municipality.vr].listed_under:
            elsewhere.setdefault((municipality.vr, municipality.roaz), set()).add(municipality.name)

    assert elsewhere == STRADDLERS


def test_a_patient_in_meppel_belongs_to_zwolle_and_to_drenthe() -> None:
    assert place_of_municipality("GM0119", date(2026, 1, 1)) == Place("GM0119", "VR03", "ZW")


def test_a_roaz_region_is_not_the_sum_of_its_safety_regions() -> None:
    assert safety_regions()["VR05"].population == 631_700
    assert roaz_regions()["EU"].population == 761_198
    assert roaz_regions()["MN"].population == 1_361_093 + 59_676 + 43_417 + 10_000


def test_everybody_is_counted_in_one_roaz_region() -> None:
    everybody = sum(region.population for region in safety_regions().values())

    # Municipalities are counted at an earlier date than regions, hence the few thousand people between them.
    assert everybody - sum(region.population for region in roaz_regions().values()) == 5119


def test_weesp_is_in_gooi_until_it_joins_amsterdam_and_its_old_days_stay_there() -> None:
    assert place_of_municipality("GM0457", date(2022, 3, 23)) == Place("GM0457", "VR14", "NHF")
    assert place_of_municipality("GM0457", date(2022, 3, 24)) == Place("GM0363", "VR13", "NHF")
    assert place_of_municipality("GM0457", date(2020, 10, 17)).vr == "VR14"


@pytest.mark.parametrize(
    ("day", "old", "new", "vr"),
    [
        (date(2021, 1, 1), ["GM0003", "GM0010", "GM0024"], "GM1979", "VR01"),
        (date(2022, 1, 1), ["GM0398", "GM0416"], "GM1980", "VR10"),
        (date(2022, 1, 1), ["GM0370"], "GM0439", "VR11"),
        (date(2022, 1, 1), ["GM0756", "GM1684", "GM0786", "GM0815", "GM1702"], "GM1982", "VR21"),
        (date(2022, 1, 1), ["GM1685", "GM0856"], "GM1991", "VR21"),
        (date(2023, 1, 1), ["GM0501", "GM0530", "GM0614"], "GM1992", "VR17"),
        (date(2026, 1, 1), ["GM1696"], "GM0402", "VR14"),
    ],
)
def test_a_merged_municipality_stands_for_its_successor_from_that_day(day: date, old: list[str], new: str, vr: str) -> None:
    for code in old:
        assert current_municipality(code, day - timedelta(days=1)) == code
        assert current_municipality(code, day) == new
        assert place_of_municipality(code, day).vr == vr


def test_a_municipality_that_did_not_exist_yet_stands_where_its_parts_were() -> None:
    assert place_of_municipality("GM1979", date(2020, 12, 31)) == Place("GM1979", "VR01", "NN")


def test_the_parts_of_a_new_municipality_lay_in_one_region() -> None:
    everything = all_municipalities()
    for new in (municipality for municipality in everything.values() if municipality.valid_from is not None):
        parts = [part for part in everything.values() if part.successor == new.code]

        assert parts
        assert {(part.vr, part.roaz) for part in parts} == {(new.vr, new.roaz)}


def test_divided_haaren_is_known_until_the_day_it_was_divided() -> None:
    assert place_of_municipality("GM0788", date(2020, 12, 31)) == Place("GM0788", "VR21", "BR")
    with pytest.raises(UnknownPlace, match="divided"):
        place_of_municipality("GM0788", date(2021, 1, 1))
    with pytest.raises(UnknownPlace, match="divided"):
        current_municipality("GM0788", date(2026, 1, 1))


@pytest.mark.parametrize("code", ["GM9999", "gm0119", "0119", "", " GM0119", "VR03", "Jan de Vries"])
def test_an_unknown_municipality_is_refused_without_repeating_it(code: str) -> None:
    for ask in (place_of_municipality, current_municipality):
        with pytest.raises(UnknownPlace) as refused:
            ask(code, LISTED_ON)

        assert str(refused.value) == "no such municipality"


@pytest.mark.parametrize("code", ["VR00", "VR26", "vr03", "03", "", "GM0119", "NN"])
def test_an_unknown_safety_region_is_refused_without_repeating_it(code: str) -> None:
    with pytest.raises(UnknownPlace) as refused:
        place_of_vr(code)

    assert str(refused.value) == "no such veiligheidsregio"


@given(code=codes, day=days)
def test_on_every_day_a_municipality_counts_in_one_real_region(code: str, day: date) -> None:
    if code == "GM0788" and day >= date(2021, 1, 1):
        return

    place = place_of_municipality(code, day)

    assert place.roaz in roaz_regions()
    assert safety_regions()[place.vr].roaz in {place.roaz, UNKNOWN_ROAZ}
    assert place.municipality == current_municipality(code, day)
    assert place.municipality == code or place.municipality in {municipality.code for municipality in municipalities(day)}


@given(code=codes, day=days)
def test_asking_again_with_the_answer_gives_the_same_place(code: str, day: date) -> None:
    if code == "GM0788" and day >= date(2021, 1, 1):
        return

    place = place_of_municipality(code, day)

    assert place.municipality is not None
    assert place_of_municipality(place.municipality, day) == place
