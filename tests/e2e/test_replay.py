"""LCPS's own figures go in at 75 bedsides and come out of the national feed, cell by cell."""

from datetime import date
from pathlib import Path

from simulator.replay.series import HEADER, written
from simulator.settings import PACKAGED_SERIES

from .replaying import replay
from .system import System


def series(folder: Path, *rows: str) -> Path:
    file = folder / "series.csv"
    file.write_text("\n".join((",".join(HEADER), *rows, "")))
    return file


async def rows(system: System, first: date, last: date) -> list[str]:
    feed = await system.feed(first.isoformat(), last.isoformat())
    return [",".join((day, *cells.values())) for day, cells in feed.items()]


async def test_the_published_series_comes_out_of_the_feed_in_all_107_days_whatever_the_order(system: System) -> None:
    ended = await replay(system, PACKAGED_SERIES, SHUFFLE="1")

    assert ended.code == 0, ended.said
    assert "equal: 107 days, 535 cells" in ended.said
    header, *published = PACKAGED_SERIES.read_text().split()
    assert header == ",".join(HEADER)
    assert await rows(system, date(2020, 10, 17), date(2021, 1, 31)) == published


async def test_replaying_it_again_finds_everything_there_and_doubles_nothing(system: System) -> None:
    ended = await replay(system, PACKAGED_SERIES)

    assert ended.code == 0, ended.said
    assert "0 facts sent" in ended.said


async def test_everything_twice_counts_once_and_unknown_stays_unknown(system: System, tmp_path: Path) -> None:
    told = ["3-5-2021,12,22,320,,70", "1-5-2021,,0,0,1,0", "4-5-2021,4,3,2,1,0"]

    ended = await replay(system, series(tmp_path, *told), TWICE="1", SHUFFLE="1")

    assert ended.code == 0, ended.said
    assert await rows(system, date(2021, 5, 1), date(2021, 5, 4)) == [told[1], "2-5-2021,,,,,", told[0], told[2]]


async def test_the_days_on_which_the_clocks_change_count_as_days(system: System, tmp_path: Path) -> None:
    told = ["27-3-2022,1,2,3,4,5", "28-3-2022,6,7,8,9,10", "30-10-2022,11,12,13,14,15", "31-10-2022,16,17,18,19,20"]

    assert (await replay(system, series(tmp_path, *told))).code == 0


async def test_a_bad_file_names_its_lines_and_changes_nothing(system: System, tmp_path: Path) -> None:
    ended = await replay(system, series(tmp_path, "1-6-2021,1,2,3,4,5", "2-6-2021,1,x,3,4,5", "1-6-2021,1,2,3,4,5"))

    assert ended.code == 2
    assert "line 3, IC_Bedden_Non_COVID" in ended.said
    assert "lines 2 and 4: the same date" in ended.said
    assert await rows(system, date(2021, 6, 1), date(2021, 6, 1)) == ["1-6-2021,,,,,"]


async def test_a_file_that_contradicts_an_earlier_one_is_refused_until_it_is_a_correction(system: System, tmp_path: Path) -> None:
    day = date(2021, 7, 1)
    assert (await replay(system, series(tmp_path, "1-7-2021,100,200,300,40,50"))).code == 0
    other = series(tmp_path, "1-7-2021,99,,301,40,")

    refused = await replay(system, other)
    after_refusal = await rows(system, day, day)
    corrected = await replay(system, other, CORRECT="1")
    after_correction = await rows(system, day, day)
    old_again = await replay(system, series(tmp_path, "1-7-2021,100,200,300,40,50"))

    assert (refused.code, after_refusal) == (2, ["1-7-2021,100,200,300,40,50"])
    assert written(day) in refused.said
    assert (corrected.code, after_correction) == (0, ["1-7-2021,99,,301,40,"])
    assert old_again.code == 2


async def test_a_system_that_is_not_running_is_said_in_one_line(system: System) -> None:
    ended = await replay(system, PACKAGED_SERIES, SCHAKEL_URL="http://127.0.0.1:9")

    assert ended.code == 3
    assert len(ended.said.splitlines()) == 1
