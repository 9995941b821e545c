import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.domain.position import Position


@given(st.text(alphabet="0123456789abcdef", min_size=1), st.lists(st.integers(0, 2**63), min_size=1))
def test_an_id_is_read_back_as_it_was_written(topic_id: str, offsets: list[int]) -> None:
    position = Position(topic_id, tuple(offsets))

    assert Position.parse(str(position)) == position


@pytest.mark.parametrize("text", ["", ":", "a", "a:", ":1", "a:1,", "a:-1", "a:1.5", "a:²", f"a:{'9' * 5000}", "a:1,x"])
def test_what_is_no_id_of_ours_is_none(text: str) -> None:
    assert Position.parse(text) is None


@given(st.text())
def test_no_text_is_too_strange_to_be_refused(text: str) -> None:
    Position.parse(text)
