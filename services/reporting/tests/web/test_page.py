"""What someone notices who looks at the national page in a browser: it moves, and it never says more than is known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import expect

from chassis.http.sse import event
from chassis.testing.waiting import eventually
from chassis.web.words import clock
from contracts.codes import CareType, Cohort, Sector
from reporting.entrypoints.web.sums import GRACE

AXE = Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js"

IC_IN_UTRECHT = "beds/VR/VR09/ZIEKENHUIS/IC/GEEN"

# The browser stands in New York and speaks English, so that a clock or a number that goes by its settings shows.

UTRECHT_TILE = '.tile[data-region="VR09"]'
UTRECHT_ROW = 'tr[data-region="VR09"]'
IC_ROW = 'tr[data-care="IC"]'


def shown(page, place, field):
    return page.locator(f'{place} [data-field="{field}"]').first


async def number_at(page, place, field):
    return int((await shown(page, place, field).inner_text()).replace(".", ""))


async def test_a_changed_figure_reaches_the_map_the_headline_and_both_tables(country, open_page):
    page = await open_page("?care_type=IC")
    before = await number_at(page, '.headline[data-care="IC"]', "available")
    in_utrecht = await number_at(page, UTRECHT_TILE, "available")
    figure = country.figure(IC_IN_UTRECHT)

    country.changes(replace(figure, available=figure.available + 3, occupied=figure.occupied - 3))

    await expect(shown(page, UTRECHT_TILE, "available")).to_have_text(str(in_utrecht + 3))
    await expect(shown(page, UTRECHT_ROW, "available")).to_have_text(str(in_utrecht + 3))
    await expect(shown(page, '.headline[data-care="IC"]', "available")).to_have_text(str(before + 3))
    await expect(page.locator(f'{IC_ROW} > td:nth-last-child(6) [data-field="available"]')).to_have_text(str(before + 3))


async def test_a_place_that_is_held_is_no_longer_available_and_is_said_where_it_is(country, open_page):
    for each in list(country.figures()):
        country.changes(replace(each, held=0, available=each.free))
    page = await open_page("?care_type=IC&cohort=GEEN")
    figure = country.figure(IC_IN_UTRECHT)
    headline = '.headline[data-care="IC"]'
    await expect(shown(page, headline, "held-in-words")).to_have_text("")

    country.changes(replace(figure, held=2, available=figure.free - 2))

    await expect(shown(page, UTRECHT_TILE, "available")).to_have_text(str(figure.free - 2))
    await expect(shown(page, UTRECHT_ROW, "free")).to_have_text(str(figure.free))
    await expect(shown(page, UTRECHT_ROW, "held")).to_have_text("2")
    await expect(page.locator(f'{IC_ROW} > td > [data-field="held"]')).to_have_text("2")
    await expect(shown(page, headline, "held-in-words")).to_have_text("2 vastgehouden")


async def test_what_the_server_drew_is_what_the_stream_says(country, open_page):
    read = """() => [...document.querySelectorAll('[data-field]:not(time)')].map(field => [
        field.dataset.field, field.children.length ? '' : field.textContent.trim(), (field.getAttribute('class') ?? '').replace(' lit', ''), field.title, field.hidden, field.getAttribute('width')])"""
    drawn = await (await open_page("?cohort=COVID_POS&region=VR09", is_live=False, has_script=False)).evaluate(read)
    page = await open_page("?cohort=COVID_POS&region=VR09")
    await page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    assert await page.evaluate(read) == drawn
    assert len(drawn) > 500


async def test_a_figure_of_which_nothing_is_known_is_a_word_and_never_a_nought(country, open_page):
    page = await open_page("?care_type=IC&cohort=GEEN")
    figure = country.figure(IC_IN_UTRECHT)

    country.changes(
        replace(
            figure, total=None, open=None, occupied=None, reserved=None, free=None, available=None, units_known=0, oldest_observed_at=None
        )
    )

    await expect(shown(page, UTRECHT_TILE, "available")).to_have_text("onbekend")
    await expect(shown(page, UTRECHT_ROW, "units")).to_have_text(f"0/{figure.units}")
    assert await page.locator(f"{UTRECHT_TILE} button").get_attribute("title") == f"Utrecht: onbekend, 0 van {figure.units} units bekend"


async def test_a_figure_grows_too_old_before_your_eyes_although_nobody_says_so(country, open_page):
    old = datetime.now(UTC) - timedelta(hours=1) - GRACE + timedelta(seconds=3)
    figure = country.changes(replace(country.figure(IC_IN_UTRECHT), oldest_observed_at=old))
    page = await open_page("?care_type=IC&cohort=GEEN")
    await expect(shown(page, UTRECHT_TILE, "available")).to_have_text(str(figure.available))

    await expect(shown(page, UTRECHT_TILE, "available")).to_have_text("onbekend")

    await expect(shown(page, UTRECHT_ROW, "units")).to_have_text(f"0/{figure.units}")
    await expect(page.locator("#live")).to_have_text("Live")


async def test_an_older_version_never_overwrites_a_newer_one(country, open_page):
    page = await open_page("?care_type=IC&cohort=GEEN")
    newer = country.changes(replace(country.figure(IC_IN_UTRECHT), available=41))
    await expect(shown(page, UTRECHT_TILE, "available")).to_have_text("41")

    country.tells(replace(newer, available=7, version=newer.version - 1).message())
    country.changes(replace(country.figure("beds/VR/VR01/ZIEKENHUIS/IC/GEEN"), available=42))

    await expect(shown(page, '.tile[data-region="VR01"]', "available")).to_have_text("42")
    await expect(shown(page, UTRECHT_TILE, "available")).to_have_text("41")


async def test_after_a_reset_only_what_is_told_again_counts(country, open_page):
    page = await open_page()
    only = country.beds("VR09", Sector.ZIEKENHUIS, CareType.IC, Cohort.GEEN, open_=9, occupied=4)

    # The stream was rebuilt: lower versions than before, and fewer figures.
    country.tells(event(b"{}", name="reset") + replace(only, version=1).message())

    await expect(shown(page, ".headline:nth-child(1)", "available")).to_have_text("5")
    await expect(shown(page, ".headline:nth-child(2)", "available")).to_have_text("·")


async def test_silence_is_said_within_fifteen_seconds_with_the_time_of_the_figures(country, open_page):
    heard_at = datetime.now(UTC) - timedelta(seconds=2)
    country.kafka_falls_silent(since=heard_at)
    page = await open_page(has_own_clock=True)

    country.falls_mute()
    await page.clock.fast_forward(13_000)

    await expect(page.locator("#live")).to_have_text("Niet live")
    await expect(page.locator("#outage")).to_be_visible()
    await expect(page.locator("#outage-since")).to_have_text(clock(heard_at))


async def test_a_stream_that_never_begins_is_no_calm_country(country, open_page):
    country.falls_mute()
    page = await open_page(is_live=False, has_own_clock=True)
    await expect(page.locator("#live")).to_have_text("Verbinden…")

    await page.clock.fast_forward(13_000)

    await expect(page.locator("#live")).to_have_text("Niet live")


async def test_a_server_that_lost_kafka_is_not_live_however_well_it_answers(country, open_page):
    page = await open_page()
    lost_at = datetime.now(UTC) - timedelta(seconds=13)

    country.kafka_falls_silent(since=lost_at)

    await expect(page.locator("#live")).to_have_text("Niet live")
    await expect(page.locator("#outage-since")).to_have_text(clock(lost_at))
    country.kafka_is_back()
    await expect(page.locator("#live")).to_have_text("Live")
    await expect(page.locator("#outage")).to_be_hidden()


async def test_a_page_drawn_from_an_old_picture_says_so_also_without_script(country, open_page):
    country.kafka_falls_silent(since=datetime.now(UTC) - timedelta(minutes=3))

    page = await open_page(is_live=False, has_script=False)

    await expect(page.locator("#live")).to_have_text("Niet live")
    await expect(page.locator("#outage")).to_be_visible()


async def test_the_page_is_live_again_after_the_server_was_gone(country, open_page):
    page = await open_page()
    country.loses_its_readers()
    tried = country.connections
    await eventually(lambda: country.connections > tried, timeout=8)
    country.is_gone = False

    figure = country.changes(replace(country.figure(IC_IN_UTRECHT), available=77))

    await expect(shown(page, ".headline:nth-child(1)", "available")).not_to_have_text("onbekend")
    await eventually(lambda: country.readers == 1, timeout=10)
    await page.locator("#live.is-on").wait_for()
    await page.goto(page.url + "?care_type=IC&cohort=GEEN")
    await expect(shown(page, UTRECHT_TILE, "available")).to_have_text(str(figure.available))


async def test_a_tab_that_nobody_sees_lets_its_stream_go_and_takes_it_up_again(country, open_page):
    page = await open_page()
    await eventually(lambda: country.readers == 1)
    look = "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true }); document.dispatchEvent(new Event('visibilitychange')) }"

    await page.evaluate(look, True)
    await eventually(lambda: country.readers == 0)
    figure = country.changes(replace(country.figure(IC_IN_UTRECHT), available=77))
    await page.evaluate(look, False)

    await page.locator("#live.is-on").wait_for()
    await page.locator(f"{UTRECHT_TILE} button").click()
    await expect(page.locator(f'{IC_ROW} > td[data-cohort="GEEN"]')).to_have_text(str(figure.available))


async def test_focus_stays_where_it_is_while_figures_move_and_when_a_region_is_picked(country, open_page):
    page = await open_page()
    button = page.locator(f"{UTRECHT_TILE} button")
    await button.focus()
    before = await shown(page, UTRECHT_TILE, "available").inner_text()

    country.changes(replace(country.figure(IC_IN_UTRECHT), available=500))
    await expect(shown(page, UTRECHT_TILE, "available")).not_to_have_text(before)
    await page.keyboard.press("Enter")

    await expect(button).to_have_attribute("aria-pressed", "true")
    await expect(button).to_be_focused()


async def test_picking_a_region_loads_nothing_again_and_the_back_button_undoes_it(country, open_page):
    page = await open_page("?sector=ZIEKENHUIS")
    await page.evaluate("window.isStillHere = true")
    whole = await number_at(page, IC_ROW, "occupied")

    await page.locator(f"{UTRECHT_TILE} button").click()

    await expect(page.locator(".care [data-words=where]")).to_have_text("Utrecht")
    assert page.url.endswith("?sector=ZIEKENHUIS&region=VR09")
    assert await number_at(page, IC_ROW, "occupied") < whole
    await page.go_back()
    await expect(page.locator(".care [data-words=where]")).to_have_text("Nederland")
    assert await number_at(page, IC_ROW, "occupied") == whole
    assert await page.evaluate("window.isStillHere")


async def test_the_choice_works_without_script(country, open_page):
    page = await open_page(is_live=False, has_script=False)

    await page.locator("#f-care_type").select_option("IC")
    await page.get_by_role("button", name="Toon").click()
    await page.locator(f"{UTRECHT_TILE} button").click()

    assert page.url.endswith("sector=&care_type=IC&cohort=&region=VR09")
    await expect(page.locator(".care [data-words=where]")).to_have_text("Utrecht")
    figures = [figure for figure in country.figures() if figure.region == "VR09" and figure.care_type == "IC"]
    assert await number_at(page, UTRECHT_ROW, "occupied") == sum(figure.occupied for figure in figures)


async def test_times_are_dutch_wherever_the_browser_stands(country, open_page):
    page = await open_page()
    server_hour = clock(datetime.now(UTC))[:2]

    assert (await page.locator("#clock").inner_text())[:2] in {server_hour, clock(datetime.now(UTC))[:2]}
    assert "." in await shown(page, ".headline:nth-child(2)", "occupied").inner_text()


async def test_night_is_a_choice_that_is_kept(open_page):
    page = await open_page()
    ground = "getComputedStyle(document.body).backgroundColor"
    day = await page.evaluate(ground)

    await page.get_by_role("button", name="Nachtstand").click()
    night = await page.evaluate(ground)
    await page.reload()

    assert await page.evaluate(ground) == night != day
    await expect(page.get_by_role("button", name="Nachtstand")).to_have_attribute("aria-pressed", "true")


async def test_nobody_has_to_scroll_sideways(country, open_page):
    figure = country.figure(IC_IN_UTRECHT)
    country.changes(
        replace(figure, total=None, open=None, occupied=None, reserved=None, free=None, available=None, units_known=0, incomplete=True)
    )
    page = await open_page("?care_type=IC&cohort=GEEN")

    for width in (320, 390, 768, 1024, 1440):
        await page.set_viewport_size({"width": width, "height": 900})
        assert await page.evaluate("document.documentElement.scrollWidth") <= width


# Either theme at either size; what a size or a theme alone could break is not made of both.
@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
async def test_axe_finds_nothing(country, open_page, theme, width):
    figure = country.figure(IC_IN_UTRECHT)
    country.changes(replace(figure, available=None, free=None, units_known=0, incomplete=True))
    page = await open_page("?care_type=IC&region=VR09", width=width, theme=theme)
    # Evaluated from outside, because the page's own policy lets no foreign script in.
    await page.evaluate(AXE.read_text())

    found = await page.evaluate(
        "() => axe.run(document, { runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] } })"
    )

    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in found["violations"]] == []
