"""When the replay believes what the feed says."""

from datetime import date

from simulator.replay.feed import Feed, Told, spans
from simulator.replay.series import COLUMNS, Cell
from simulator.replay.settle import Stations, Watch

CELL = Cell(date(2021, 1, 1), COLUMNS[0])
QUIET = Stations((0, 0, 0, 0))
BUSY = Stations((3, 2, 5, 1))


def feed(figure: int) -> Feed:
    return {CELL: Told(figure, 75)}


def watch(wanted: int) -> Watch:
    return Watch(lambda seen: seen[CELL].figure == wanted)


def test_the_wanted_feed_is_believed_on_the_second_quiet_look() -> None:
    looking = watch(5)

    assert [looking.is_settled(QUIET, feed(5), at) for at in (1.0, 2.0)] == [False, True]


def test_the_wanted_feed_is_not_believed_while_something_is_under_way() -> None:
    # What is under way may be the duplicate that counts twice.
    looking = watch(5)

    assert not any(looking.is_settled(BUSY, feed(5), at) for at in (1.0, 2.0, 3.0, 20.0))


def test_another_feed_gets_time_to_come_right() -> None:
    looking = watch(5)

    assert [looking.is_settled(QUIET, feed(4), at) for at in (1.0, 2.0, 6.0, 9.5)] == [False, False, False, True]


def test_a_feed_that_still_changes_has_not_settled() -> None:
    looking = watch(50)

    assert not any(looking.is_settled(QUIET, feed(figure), figure * 5.0) for figure in range(1, 9))


def test_in_a_live_day_each_station_must_have_been_empty_once_in_the_order_of_the_way() -> None:
    looking = watch(5)
    looks = [(0, 1, 1, 0), (1, 0, 1, 1), (0, 0, 1, 0), (1, 1, 0, 2), (1, 1, 1, 0), (1, 1, 1, 1)]

    settled = [looking.is_settled(Stations(waiting), feed(5), float(at)) for at, waiting in enumerate(looks)]

    assert settled == [False, False, False, False, True, True]


def test_numbers_of_a_service_that_is_not_ready_are_not_believed() -> None:
    looking = watch(5)

    assert not any(looking.is_settled(Stations((0, 0, 0, 0), ("reporting",)), feed(5), at) for at in (1.0, 2.0, 100.0))


def test_days_far_apart_are_asked_in_stretches() -> None:
    days = [date(2020, 1, 5), date(2020, 1, 1), date(2024, 6, 1)]

    assert spans(days) == [(date(2020, 1, 1), date(2020, 1, 5)), (date(2024, 6, 1), date(2024, 6, 1))]
