"""What hospitals say in a replay."""

from datetime import date, datetime, timedelta
from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from simulator.replay.facts import IDS, LOCAL, facts_of, registered
from simulator.replay.series import COLUMNS, Cell, Column
from simulator.world import hospitals

HOSPITALS = hospitals()
REGISTRY = {
    external_id: uuid5(IDS, f"test/{external_id}")
    for location, units in registered(HOSPITALS)
    for external_id in (location.external_id, *(unit.external_id for unit in units))
}


@given(figure=st.integers(0, 3_000), column=st.sampled_from(COLUMNS), day=st.dates(date(2020, 1, 1), date(2025, 12, 31)))
def test_hospitals_together_say_the_figure_on_that_local_day(figure: int, column: Column, day: date) -> None:
    facts = list(facts_of(Cell(day, column), figure, HOSPITALS, REGISTRY))

    name, time = ("count", "occurred_at") if column.is_admissions else ("occupied", "observed_at")
    assert len(facts) == 75
    assert sum(fact.body[name] for fact in facts) == figure
    assert {datetime.fromisoformat(fact.body[time]).astimezone(LOCAL).date() for fact in facts} == {day}


def test_each_share_has_an_id_of_its_own_that_is_always_the_same() -> None:
    cells = [Cell(date(2020, 10, 25) + timedelta(days=offset), column) for offset in range(3) for column in COLUMNS]
    ids = [fact.id for cell in cells for fact in facts_of(cell, 100, HOSPITALS, REGISTRY)]

    assert len(set(ids)) == len(ids) == 3 * 5 * 75
    assert ids == [fact.id for cell in cells for fact in facts_of(cell, 100, HOSPITALS, REGISTRY)]
    # As it was when the first replay ran somewhere: another id would count beside it.
    assert ids[0] == "ff89f9c1-88df-5365-8ee3-4a93eb3de6f2"


def test_a_correction_has_the_same_ids_and_a_higher_revision() -> None:
    cell = Cell(date(2020, 10, 17), COLUMNS[0])
    before, after = list(facts_of(cell, 352, HOSPITALS, REGISTRY)), list(facts_of(cell, 353, HOSPITALS, REGISTRY, revision=7))

    assert [fact.id for fact in before] == [fact.id for fact in after]
    assert {fact.body["revision"] for fact in after} == {7}


def test_what_the_file_leaves_empty_is_taken_back_at_every_hospital() -> None:
    facts = list(facts_of(Cell(date(2020, 10, 17), COLUMNS[3]), None, HOSPITALS, REGISTRY, revision=7))

    assert len(facts) == 75
    assert all(fact.body["retracted"] is True for fact in facts)


def test_only_three_units_of_each_hospital_are_used() -> None:
    assert {(unit.care_type.value, unit.cohort.value) for _, units in registered(HOSPITALS) for unit in units} == {
        ("IC", "COVID_POS"),
        ("IC", "GEEN"),
        ("KLINIEK", "COVID_POS"),
    }
    assert sum(len(units) for _, units in registered(HOSPITALS)) == 225
    assert all(isinstance(REGISTRY[unit.external_id], UUID) for _, units in registered(HOSPITALS) for unit in units)
