"""A national figure is divided over hospitals without losing or making a bed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.replay.divide import divide
from simulator.world import hospitals

# Small weights, so that equal remainders are common.
WEIGHTS = st.lists(st.integers(0, 9), min_size=1, max_size=80).filter(any)


@given(total=st.integers(0, 1_000_000), weights=WEIGHTS)
def test_shares_add_up_exactly_and_none_is_a_whole_bed_from_its_part(total: int, weights: list[int]) -> None:
    shares = divide(total, weights)

    assert sum(shares) == total
    assert all(abs(share * sum(weights) - total * weight) < sum(weights) for share, weight in zip(shares, weights, strict=True))


@given(total=st.integers(0, 5_000))
def test_our_hospitals_get_it_all(total: int) -> None:
    assert sum(divide(total, [hospital.ic_beds for hospital in hospitals()])) == total
    assert sum(divide(total, [hospital.ward_beds for hospital in hospitals()])) == total


def test_of_equal_remainders_the_first_comes_first() -> None:
    assert divide(2, [1, 1, 1]) == [1, 1, 0]


def test_the_largest_remainder_comes_first() -> None:
    assert divide(10, [6, 5, 2]) == [5, 4, 1]


@pytest.mark.parametrize(("total", "weights"), [(-1, [1]), (1, []), (1, [0, 0]), (1, [2, -1])])
def test_what_cannot_be_divided_is_refused(total: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="divided over"):
        divide(total, weights)
