"""The national page above the running system: what a ward reports is on the screen a moment later."""

import os
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, async_playwright, expect

from .load import fresh_report, report_body
from .system import System


@pytest.fixture
async def page(system: System) -> AsyncIterator[Page]:
    """A browser on the system's way in, as a visitor has it: without a token."""
    async with async_playwright() as playwright:
        # The sandbox needs rights that containers do not give; the pages are our own.
        browser = await playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
        )
        page = await browser.new_page()
        page.set_default_timeout(20_000)
        await page.goto(str(system.client.base_url))
        yield page
        await browser.close()


async def test_a_report_from_a_ward_moves_the_national_page_while_a_visitor_looks(system: System, page: Page) -> None:
    await expect(page.locator("#live")).to_have_text("Live", timeout=20_000)
    ward = next(ward for ward in system.oracle.wards.values() if (ward.vr, ward.care_type, ward.cohort) == ("VR17", "IC", "COVID_POS"))
    tile = page.locator('.tile[data-region="VR17"]')
    await page.locator('a[data-code="IC"]').click()

    for free in (3, 1):
        report = fresh_report(ward.unit_id, total=10, open=10, occupied=10 - free, reserved=0)
        answer = await system.post("/capacity/v1/reports", report_body(report, ward.source))
        assert answer.status_code == 202, answer.text
        system.oracle.accepted(report)

        await expect(tile.locator('[data-field="available"]')).to_have_text(str(free), timeout=20_000)
        await expect(tile.locator('[data-field="age"]')).to_have_text("nu")

    # The other wards in that region have said nothing yet: they are not 0, they are not known.
    await expect(page.locator('tr[data-region="VR17"] [data-field="units"]')).to_have_text("1/2")
