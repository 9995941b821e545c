"""What an operator is told about a file before anything is sent."""

from datetime import date

import pytest

from simulator.replay.series import COLUMNS, HEADER, BadFile, Cell, parse, written
from simulator.settings import PACKAGED_SERIES

TODAY = date(2026, 1, 1)
HEAD = ",".join(HEADER)


def file(*rows: str, head: str = HEAD) -> bytes:
    return "\n".join((head, *rows, "")).encode()


def faults(content: bytes) -> list[str]:
    with pytest.raises(BadFile) as bad:
        parse(content, today=TODAY)
    return bad.value.faults


def test_the_packaged_file_has_107_days() -> None:
    series = parse(PACKAGED_SERIES.read_bytes(), today=TODAY)

    assert len({cell.day for cell in series}) == 107
    assert series[Cell(date(2020, 10, 17), COLUMNS[0])] == 352
    assert all(figure is not None for figure in series.values())


def test_an_empty_cell_is_unknown_and_a_zero_is_zero() -> None:
    series = parse(file("1-2-2021,0,,3,4,5"), today=TODAY)

    assert [series[Cell(date(2021, 2, 1), column)] for column in COLUMNS] == [0, None, 3, 4, 5]


def test_rows_may_stand_in_any_order_and_lines_may_end_as_on_windows() -> None:
    rows = ("2-1-2021,1,2,3,4,5", "1-1-2021,6,7,8,9,10")

    assert parse(file(*rows), today=TODAY) == parse(b"\xef\xbb\xbf" + file(*reversed(rows)).replace(b"\n", b"\r\n"), today=TODAY)


def test_a_duplicate_date_names_all_its_lines() -> None:
    assert faults(file("1-1-2021,1,2,3,4,5", "2-1-2021,1,2,3,4,5", "01-01-2021,1,2,3,4,5")) == ["lines 2 and 4: the same date, 1-1-2021"]


@pytest.mark.parametrize("broken", ["x", "-1", "1.5", "1e3", "NA", "1 000", "٣", "+5", "0x1", "9" * 30, "null"])
def test_a_broken_cell_names_its_line_and_column_and_not_what_stands_there(broken: str) -> None:
    (fault,) = faults(file("1-1-2021,1,2,3,4,5", f"2-1-2021,1,{broken},3,4,5"))

    assert fault == "line 3, IC_Bedden_Non_COVID: not a whole number of 0 or more, nor empty"


@pytest.mark.parametrize("broken", ["2021-01-01", "31-2-2021", "1-13-2021", "", "1-1-21", "0-1-2021", "1-1-0000", "1/1/2021"])
def test_a_broken_date_names_its_line(broken: str) -> None:
    assert faults(file(f"{broken},1,2,3,4,5")) == ["line 2, Datum: not a date (d-m-yyyy)"]


def test_every_fault_is_told_at_once() -> None:
    assert faults(file("1-1-2021,a,2,3,4,b", "1-1-2021,1", "1-1-2021,1,2,3,4,5")) == [
        "line 2, IC_Bedden_COVID: not a whole number of 0 or more, nor empty",
        "line 2, Kliniek_Nieuwe_Opnames_COVID: not a whole number of 0 or more, nor empty",
        "line 3: 2 cells in place of 6",
        "lines 2 and 4: the same date, 1-1-2021",
    ]


def test_a_figure_beyond_all_beds_is_refused() -> None:
    assert faults(file("1-1-2021,1000001,2,3,4,5")) == ["line 2, IC_Bedden_COVID: more than 1000000"]


def test_a_day_that_has_not_come_is_refused() -> None:
    assert faults(file("2-1-2026,1,2,3,4,5")) == ["line 2, Datum: this day has not come yet"]


def test_other_columns_are_refused() -> None:
    (fault,) = faults(file("1-1-2021,1,2,3,4,5", head="Datum,IC,Kliniek"))

    assert fault.startswith("line 1: the columns are not LCPS's")


@pytest.mark.parametrize("content", [b"", HEAD.encode(), (HEAD + "\n\n\n").encode()])
def test_a_file_without_rows_is_refused(content: bytes) -> None:
    assert faults(content) == ["the file has no rows"]


def test_an_open_quotation_mark_does_not_swallow_the_rest() -> None:
    assert faults(file('1-1-2021,"1,2,3,4,5', "2-1-2021,1,2,3,4,x")) == [
        "line 2: not a row of comma-separated text in UTF-8",
        "line 3, Kliniek_Nieuwe_Opnames_COVID: not a whole number of 0 or more, nor empty",
    ]


def test_bytes_that_are_no_text_name_their_line() -> None:
    assert faults(file("1-1-2021,1,2,3,4,5") + b"\xff\xfe\n") == ["line 3: not a row of comma-separated text in UTF-8"]


def test_dates_are_written_as_lcps_writes_them() -> None:
    assert written(date(2021, 1, 9)) == "9-1-2021"
