"""The made-up country."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.codes import CareType, Cohort, Sector
from contracts.geography import all_municipalities, place_of_municipality, safety_regions
from simulator.chain.calls import WANTED
from simulator.features import features_of
from simulator.patients import LOCAL, figures_at, moves_between, unit_day
from simulator.world import World, build, hospitals


@pytest.fixture(scope="module")
def world() -> World:
    return build(7)


def test_there_are_75_hospitals_in_all_25_regions(world: World) -> None:
    assert len(world.hospitals) == 75
    assert {hospital.location.vr for hospital in world.hospitals} == set(safety_regions())


def test_there_are_2451_nursing_homes_with_the_right_number_in_each_region(world: World) -> None:
    assert len(world.nursing_homes) == 2451
    assert Counter(home.vr for home in world.nursing_homes) == {
        code: region.nursing_home_locations for code, region in safety_regions().items()
    }


def test_every_location_lies_in_a_municipality_of_its_region(world: World) -> None:
    for location in world.locations:
        assert place_of_municipality(location.municipality, date(2026, 1, 1)).vr == location.vr


def test_hospitals_stand_where_there_was_a_municipality_in_2020() -> None:
    # Replayed days lie then; a municipality that was made later would give them another place.
    assert all(all_municipalities()[hospital.location.municipality].valid_from is None for hospital in hospitals())


def test_there_are_between_6000_and_8000_units_of_credible_size(world: World) -> None:
    units = list(world.units())

    assert 6_000 <= len(units) <= 8_000
    assert all(1 <= unit.beds <= 800 for _, unit in units)
    ic = sum(unit.beds for _, unit in units if unit.care_type is CareType.IC)
    assert 1_100 <= ic <= 1_400


def test_nothing_has_the_same_name_or_external_id(world: World) -> None:
    names = Counter(location.name for location in world.locations)
    ids = Counter([location.external_id for location in world.locations] + [unit.external_id for _, unit in world.units()])

    assert names.most_common(1)[0][1] == 1
    assert ids.most_common(1)[0][1] == 1


def test_the_same_seed_gives_the_same_world_and_another_seed_another(world: World) -> None:
    assert build(7) == world
    assert build(8).nursing_homes != world.nursing_homes


def test_hospitals_are_the_same_whatever_the_seed(world: World) -> None:
    assert build(8).hospitals == world.hospitals == hospitals()


def test_hospitals_have_the_units_that_lcps_counts(world: World) -> None:
    for hospital in world.hospitals:
        kinds = {(unit.care_type, unit.cohort) for unit in hospital.location.units}
        assert hospital.location.sector is Sector.ZIEKENHUIS
        assert {(CareType.IC, Cohort.COVID_POS), (CareType.IC, Cohort.GEEN), (CareType.KLINIEK, Cohort.COVID_POS)} <= kinds


def test_every_need_that_is_asked_for_is_met_by_many_units_of_that_kind(world: World) -> None:
    for wanted in WANTED:
        met = [
            unit
            for _, unit in world.units()
            if (unit.care_type, unit.cohort) == (wanted.care_type, wanted.cohort)
            and all(features_of(unit)[need] >= asked for need, asked in wanted.needs.items())
        ]
        assert len(met) > 100


# Around the days on which the clocks change, and at any speed.
MOMENTS = st.datetimes(datetime(2026, 3, 25), datetime(2026, 11, 2), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis wants them naive


@given(nth=st.integers(0, 7_000), at=MOMENTS, speed=st.sampled_from([0.1, 1.0, 30.0]))
def test_no_unit_ever_states_more_than_it_has(nth: int, at: datetime, speed: float) -> None:
    unit = UNITS[nth % len(UNITS)]

    figures = figures_at(7, speed, unit, at)

    assert figures.occupied >= 0
    assert figures.reserved >= 0
    assert figures.occupied + figures.reserved <= figures.open <= figures.total == unit.beds


@given(nth=st.integers(0, 7_000), at=MOMENTS, hours=st.floats(0, 60))
def test_occupied_changes_by_exactly_who_came_and_left_also_over_midnight(nth: int, at: datetime, hours: float) -> None:
    unit = UNITS[nth % len(UNITS)]
    later = at + timedelta(hours=hours)

    moved = sum(move.change for _, move in moves_between(7, 1.0, unit, at, later))

    assert figures_at(7, 1.0, unit, later).occupied - figures_at(7, 1.0, unit, at).occupied == moved


def test_wards_empty_in_the_morning_and_fill_in_the_afternoon() -> None:
    wards = [unit for unit in UNITS if unit.care_type is CareType.KLINIEK]
    moves = [move for unit in wards for move in unit_day(7, 1.0, unit, date(2026, 5, 12)).moves]

    def between(first: int, last: int, change: int) -> float:
        chosen = [move for move in moves if move.change == change]
        return sum(first <= move.at.astimezone(LOCAL).hour < last for move in chosen) / len(chosen)

    assert between(8, 13, -1) > 0.5
    assert between(12, 22, +1) > 0.6
    assert between(0, 6, +1) < 0.1


UNITS = [unit for _, unit in build(7).units()]
