"""How often the national picture is said: at once as a rule, and less often while a backlog is worked off."""

import pytest

from reporting.domain.pace import Pace, pause_after_seconds


@pytest.mark.parametrize("figures", [0, 3, 100])
def test_a_change_at_one_bedside_never_waits_for_the_round_before_it(figures: int) -> None:
    assert pause_after_seconds(figures, behind_seconds=2.0) == 0


def test_a_backlog_of_the_whole_country_is_said_about_once_in_two_seconds() -> None:
    assert pause_after_seconds(2_380, behind_seconds=2.0) == pytest.approx(2.28)


def test_a_figure_that_only_time_touched_waits_as_in_a_backlog() -> None:
    assert pause_after_seconds(2_380, behind_seconds=None) == pytest.approx(2.28)


def test_a_late_round_is_no_reason_to_be_late_again_while_the_facts_are_read_as_they_come() -> None:
    assert pause_after_seconds(2_380, behind_seconds=0.1) == 0


def test_a_figure_is_said_at_once_and_then_only_after_it_has_rested() -> None:
    pace: Pace[str] = Pace(rest_seconds=0.02)
    assert pace.resting(now=10.0) == []

    pace.said(["country"], now=10.0)

    assert pace.resting(now=10.01) == ["country"]
    assert pace.next_in_seconds(now=10.005) == pytest.approx(0.015)
    assert pace.resting(now=10.02) == []
