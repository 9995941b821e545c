"""What can be, and what should make a person look twice."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.domain.age_limits import AgeLimits
from capacity.domain.plausibility import breaks_a_rule, jump
from capacity.domain.report import ClosedBecause
from capacity.domain.rules import RuleBroken
from capacity.domain.times import judged
from contracts.codes import CareType, ClosedReason, Sector, Source

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
counts = st.one_of(st.none(), st.integers(0, 4))


@given(total=counts, is_open=counts, occupied=counts, reserved=counts)
def test_a_rule_is_broken_exactly_when_no_unknown_number_could_save_it(total, is_open, occupied, reserved):
    def could_be(known):
        return range(9) if known is None else [known]

    is_possible = any(
        0 <= taken_by_patients + kept <= staffed <= built
        for built in could_be(total)
        for staffed in could_be(is_open)
        for taken_by_patients in could_be(occupied)
        for kept in could_be(reserved)
    )

    broken = breaks_a_rule({"total": total, "open": is_open, "occupied": occupied, "reserved": reserved})

    assert (broken is None) == is_possible


@pytest.mark.parametrize(
    ("before", "now", "warns"),
    [
        (0, 6, False), (0, 7, True), (9, 2, True), (9, 3, False), (9, 15, False), (9, 16, True),
        (10, 19, False), (10, 20, True), (10, 3, False), (10, 2, True), (19, 38, True), (19, 5, False), (19, 4, True),
        (20, 39, False), (20, 40, True), (20, 11, False), (20, 10, True),
        (5, None, True), (None, 50, False), (None, None, False),
    ],
)  # fmt: skip
def test_a_jump_is_what_the_german_register_says_it_is(before, now, warns):
    assert (jump("occupied", before, now) is not None) == warns


@pytest.mark.parametrize(("ahead", "counts_as"), [(-60, -60), (0, 0), (1, 0), (120, 0)])
def test_a_clock_slightly_ahead_counts_as_the_moment_of_receipt(ahead, counts_as):
    happened = NOON + timedelta(seconds=ahead)

    assert judged(happened, NOON, Source.EPD, pointer="/observed_at") == NOON + timedelta(seconds=counts_as)


@pytest.mark.parametrize("seconds", [121, -14 * 86_400 - 1])
def test_times_that_cannot_be_are_refused(seconds):
    with pytest.raises(RuleBroken):
        judged(NOON + timedelta(seconds=seconds), NOON, Source.EPD, pointer="/observed_at")


def test_imports_reach_back_as_far_as_they_like_but_never_ahead():
    assert judged(NOON - timedelta(days=900), NOON, Source.IMPORT, pointer="/observed_at") == NOON - timedelta(days=900)
    with pytest.raises(RuleBroken):
        judged(NOON + timedelta(minutes=3), NOON, Source.IMPORT, pointer="/observed_at")


@pytest.mark.parametrize(
    ("care_type", "sector", "hours"),
    [
        (CareType.IC, Sector.ZIEKENHUIS, 1), (CareType.SEH, Sector.VVT, 1), (CareType.GGZ_CRISIS, Sector.VVT, 4),
        (CareType.CORONACENTRUM, Sector.VVT, 4), (CareType.GRZ, Sector.TIJDELIJKE_LOCATIE, 4), (CareType.GRZ, Sector.VVT, 12),
        (CareType.GRZ, Sector.WIJKVERPLEGING, 24),
    ],
)  # fmt: skip
def test_how_old_a_figure_may_be_goes_by_care_type_and_then_by_sector(care_type, sector, hours):
    assert AgeLimits().of(care_type, sector) == timedelta(hours=hours)


@pytest.mark.parametrize(("sent", "code"), [("PERSONEEL", ClosedReason.PERSONEEL), ("Asbest", ClosedReason.ONBEKEND), (None, None)])
def test_a_reason_that_nobody_knows_is_unknown_and_kept(sent, code):
    closed = ClosedBecause(sent)

    assert closed.code is code
    assert closed.sent == sent
