from datetime import date

from reporting.domain.days import days_asked
from reporting.domain.feed import Cells, as_csv


def test_a_row_is_written_as_lcps_writes_it() -> None:
    said = {date(2020, 10, 17): Cells(352, 492, 1216, 42, 216), date(2021, 1, 1): Cells(1, None, 0, None, 5)}

    text = as_csv([date(2020, 10, 17), date(2020, 10, 18), date(2021, 1, 1)], said)

    assert text == (
        "Datum,IC_Bedden_COVID,IC_Bedden_Non_COVID,Kliniek_Bedden,IC_Nieuwe_Opnames_COVID,Kliniek_Nieuwe_Opnames_COVID\n"
        "17-10-2020,352,492,1216,42,216\n"
        "18-10-2020,,,,,\n"
        "1-1-2021,1,,0,,5\n"
    )


def test_a_first_day_alone_asks_up_to_today_and_a_last_day_alone_for_the_thirty_before() -> None:
    today = date(2021, 1, 31)

    assert list(days_asked(date(2021, 1, 30), None, today)) == [date(2021, 1, 30), date(2021, 1, 31)]
    asked = days_asked(None, date(2020, 12, 31), today)
    assert (asked.first, asked.last, len(asked)) == (date(2020, 12, 2), date(2020, 12, 31), 30)
