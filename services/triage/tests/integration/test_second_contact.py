"""A second call about the same person is an alarm signal by itself."""

import asyncio

import pytest

SAME = {"bsn": "999990023", "name": "Piet de Vries", "birth_date": "1941-05-06", "phone": "0612345678"}


async def is_second(triage, patient, **fields):
    case = await triage.register(patient=patient, **fields)
    return (await triage.shown(case))["second_contact"]


@pytest.mark.parametrize(
    "other",
    [
        {"bsn": "999990023"},
        {"name": "PIET DE-VRIES", "birth_date": "1941-05-06"},
        {"name": "Piet de Vries", "phone": "+31 6 12345678"},
        SAME | {"phone": "0687654321"},
    ],
)
async def test_the_same_person_is_recognised_by_number_or_by_name_with_something_else(triage, other):
    assert not await is_second(triage, SAME)
    assert await is_second(triage, other)


@pytest.mark.parametrize(
    "other",
    [
        {"name": "Piet de Vries"},
        {"phone": "0612345678"},
        {},
        SAME | {"bsn": "999990035"},
        {"name": "Piet de Vries", "birth_date": "1941-05-07"},
    ],
)
async def test_others_are_not_taken_for_them(triage, other):
    await is_second(triage, SAME)
    assert not await is_second(triage, other)


async def test_after_a_day_it_is_a_new_contact(triage):
    await is_second(triage, SAME)
    await triage.later(hours=23.9)
    assert await is_second(triage, SAME)
    await triage.later(hours=24.1)
    assert not await is_second(triage, SAME)


async def test_of_two_nurses_who_register_at_once_one_is_told(triage):
    told = await asyncio.gather(*(is_second(triage, SAME) for _ in range(4)))

    assert sorted(told) == [False, True, True, True]


async def test_what_was_refused_was_not_a_contact(triage):
    body = {"channel": "BALIE", "caller_role": "PATIENT", "municipality": "GM9999", "complaint": "x", "patient": SAME}
    assert (await triage.send("POST", "cases", body)).status_code == 422

    assert not await is_second(triage, SAME)
