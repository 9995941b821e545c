"""Adding up never makes a number out of what nobody knows, and the browser adds up as the server does."""

import json
import random
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chassis.web import words
from contracts.codes import CareType, Cohort, Sector
from reporting.entrypoints.web.sums import GRACE, Selection, add_up, is_too_old, level_of

NOW = datetime(2026, 1, 7, 3, 12, tzinfo=UTC)
COUNTS = ("total", "open", "occupied", "reserved", "free", "available")


def a_figure(country, dice):
    """Few values, so that unknown, nought and too old meet often."""
    sector, care_type = dice.choice([(Sector.ZIEKENHUIS, CareType.IC), (Sector.VVT, CareType.ELV_HOOG), (Sector.GGZ, CareType.HOSPICE)])
    made = country.beds(f"VR{dice.randint(1, 3):02d}", sector, care_type, dice.choice(list(Cohort)), open_=4, occupied=2)
    oldest = dice.choice([None, NOW - timedelta(hours=dice.choice([0, 1, 2, 11, 12, 13, 23, 24, 25]), seconds=dice.choice([0, 15, 16]))])
    units = dice.randint(0, 3)
    return replace(
        made,
        **{count: dice.choice([None, 0, 1, 5]) for count in COUNTS},
        held=dice.randint(0, 2),
        units=units,
        units_known=dice.randint(0, units),
        oldest_observed_at=oldest,
        newest_observed_at=oldest and oldest + timedelta(minutes=dice.randint(0, 9)),
        incomplete=dice.random() < 0.2,
    )


# A seed stands for the figures, so that Hypothesis can shrink to few of them and the browser can be given the same.
figures_of = st.builds(lambda seed, size: (seed, size), st.integers(0, 10_000), st.integers(0, 6))


@given(figures_of)
def test_a_sum_is_unknown_exactly_when_nothing_in_it_is_known(a_country_to_measure, made):
    seed, size = made
    dice = random.Random(seed)
    figures = [a_figure(a_country_to_measure, dice) for _ in range(size)]

    total = add_up(figures, Selection(), NOW)

    for count in COUNTS:
        known = [getattr(figure, count) for figure in figures if not is_too_old(figure, NOW) and getattr(figure, count) is not None]
        assert getattr(total, count) == (sum(known) if known else None)
    assert total.units == sum(figure.units for figure in figures)
    assert total.units_known <= total.units


@given(figures_of)
def test_the_regions_add_up_to_the_country(a_country_to_measure, made):
    seed, size = made
    dice = random.Random(seed)
    figures = [a_figure(a_country_to_measure, dice) for _ in range(size)]

    whole = add_up(figures, Selection(), NOW)
    regions = [add_up(figures, Selection(region=region), NOW) for region in ("VR01", "VR02", "VR03")]

    assert whole.units_known == sum(region.units_known for region in regions)
    assert (whole.available or 0) == sum(region.available or 0 for region in regions)


def test_a_figure_stops_counting_after_the_limit_of_its_care_type_then_of_its_sector(country):
    ages = {
        (Sector.ZIEKENHUIS, CareType.IC): timedelta(hours=1),
        (Sector.TIJDELIJKE_LOCATIE, CareType.IC): timedelta(hours=1),
        (Sector.TIJDELIJKE_LOCATIE, CareType.ELV_HOOG): timedelta(hours=4),
        (Sector.GGZ, CareType.GGZ_CRISIS): timedelta(hours=4),
        (Sector.VVT, CareType.ELV_HOOG): timedelta(hours=12),
        (Sector.GHZ, CareType.RESPIJT): timedelta(hours=24),
    }
    for (sector, care_type), limit in ages.items():
        figure = country.beds("VR01", sector, care_type, Cohort.GEEN, open_=4, occupied=2)
        oldest = figure.oldest_observed_at
        assert not is_too_old(figure, oldest + limit + GRACE)
        assert is_too_old(figure, oldest + limit + GRACE + timedelta(seconds=1))


async def test_the_browser_adds_up_as_the_server_does(country, open_page):
    dice = random.Random(11)
    cases = [[a_figure(country, dice) for _ in range(dice.randint(0, 5))] for _ in range(300)]
    page = await open_page()

    told = json.dumps([[asdict(figure) for figure in case] for case in cases], default=lambda instant: instant.isoformat())
    sums = await page.evaluate(
        """async ([cases, now]) => {
            const { addUp, isPatchy, levelOf, shareAvailable, shareOccupied } = await import(document.getElementById('sums-script').href)
            const limits = JSON.parse(document.getElementById('national').dataset.limits)
            return JSON.parse(cases).map(case_ => {
                const sum = addUp(case_, limits, now)
                return { ...sum, patchy: isPatchy(sum), level: levelOf(shareAvailable(sum)), taken: shareOccupied(sum) }
            })
        }""",
        [told, NOW.timestamp() * 1000],
    )

    for case, said in zip(cases, sums, strict=True):
        total = add_up(case, Selection(), NOW)
        expected = {name: getattr(total, name) for name in (*COUNTS, "held", "units", "units_known", "incomplete")}
        expected |= {"oldest": _ms(total.oldest_observed_at), "newest": _ms(total.newest_observed_at)}
        expected |= {"patchy": total.is_patchy, "level": level_of(total.share_available), "taken": total.share_occupied}
        assert said == expected


async def test_the_browser_says_ages_and_numbers_as_the_server_does(open_page):
    seconds = [0, 59, 60, 3599, 3600, 3660, 35_999, 86_399, 86_400, 200_000]
    page = await open_page()

    said = await page.evaluate(
        "async seconds => { const { age, number } = await import(document.getElementById('live-script').href); return seconds.map(s => [age(s * 1000), number(s)]) }",
        seconds,
    )

    assert said == [[words.age(timedelta(seconds=each)), words.number(each)] for each in seconds]


def _ms(instant):
    return None if instant is None else instant.timestamp() * 1000
