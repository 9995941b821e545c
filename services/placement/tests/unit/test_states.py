"""Every change of a state goes one way, by one table, through one function."""

import re
from pathlib import Path

import pytest

import placement
from placement.application.states_page import states_page
from placement.domain.states import BEGINS, HOLDING, WAYS, NoSuchWay, OfferStatus, RequestStatus, may, way

SOURCES = Path(placement.__file__).parent
PAGE = Path(__file__).parents[4] / "docs" / "placement-states.md"


def test_the_page_of_states_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == states_page()


@pytest.mark.parametrize("kind", [RequestStatus, OfferStatus])
def test_every_state_can_be_come_to(kind):
    reached = {status for status in kind if status in BEGINS}
    for _ in kind:
        reached |= {after for before, after in WAYS if before in reached}

    assert reached >= set(kind)


def test_no_way_leads_from_a_request_to_an_offer():
    assert all(type(before) is type(after) for before, after in WAYS)


def test_a_place_once_given_back_is_never_held_again():
    assert not [(before, after) for before, after in WAYS if after in HOLDING and before not in HOLDING and isinstance(before, OfferStatus)]


def test_every_open_question_and_placement_can_end():
    for status in HOLDING:
        assert any(before is status and after not in HOLDING for before, after in WAYS) or may(status, OfferStatus.ADMITTED)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OfferStatus.DECLINED, OfferStatus.ACCEPTED),
        (OfferStatus.EXPIRED, OfferStatus.ACCEPTED),
        (OfferStatus.WITHDRAWN, OfferStatus.ACCEPTED),
        (OfferStatus.UNDERWAY, OfferStatus.EXPIRED),
        (OfferStatus.ADMITTED, OfferStatus.RELEASED),
        (RequestStatus.CLOSED, RequestStatus.PLACED),
    ],
)
def test_what_has_ended_does_not_come_back(before, after):
    with pytest.raises(NoSuchWay):
        way(before, after)


def test_only_one_module_changes_a_status():
    # An insert begins it, a reader compares it; nobody else sets it.
    sets = re.compile(r"set\b[^;]*?\bstatus\s*=\s*[$']", re.IGNORECASE)
    writers = {
        path.relative_to(SOURCES).as_posix()
        for path in SOURCES.rglob("*.py")
        if re.search(r"update\s+(requests|offers|\{)", text := path.read_text(encoding="utf-8"), re.IGNORECASE) or sets.search(text)
    }

    assert writers == {"adapters/sql/moving.py"}
