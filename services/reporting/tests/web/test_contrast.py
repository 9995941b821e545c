"""Every text can be read by day and at night: contrast computed from the tokens, also where axe cannot look (hatches, tiles)."""

import re

import pytest

from chassis.web.static_files import CHASSIS_FOLDER

TOKENS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", (CHASSIS_FOLDER / "zcc.css").read_text()
    )
}
GROUNDS = ("bg", "surface", "sunken")
TILES = ("sunken", "free-1", "free-2", "free-3")

TEXTS = [
    *((ink, ground) for ink in ("ink", "ink-2", "ink-3", "accent", "warn", "free") for ground in GROUNDS),
    *((ink, tile) for ink in ("ink", "ink-2") for tile in TILES),
    ("free", "free-2"),
    ("warn", "warn-weak"),
    ("crit", "crit-weak"),
    # The hatch: the word must be read on either of its two colours.
    ("unknown", "surface"),
    ("unknown", "unknown-weak"),
    # A row that is picked, and a figure that has just changed.
    *((ink, "accent-weak") for ink in ("ink", "ink-2", "warn", "accent")),
    ("ink", "flash"),
    ("ink-2", "flash"),
    ("bar-ink", "bar"),
    ("bar-ink-2", "bar"),
]
# Borders of controls, the ring of focus, the light that says "live": they carry meaning without being text (WCAG 1.4.11).
SIGNS = [
    *(("line-strong", ground) for ground in GROUNDS),
    *(("accent", ground) for ground in (*GROUNDS, *TILES)),
    *(("focus", ground) for ground in GROUNDS),
    ("bar-focus", "bar"),
    ("bar-live", "bar"),
]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), TEXTS)
def test_text_can_be_read(ink, ground, theme):
    assert contrast(TOKENS[ink][theme], TOKENS[ground][theme]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("sign", "ground"), SIGNS)
def test_signs_can_be_seen(sign, ground, theme):
    assert contrast(TOKENS[sign][theme], TOKENS[ground][theme]) >= 3


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_the_word_that_nothing_comes_in_can_be_read(theme):
    assert contrast("#ffffff", TOKENS["bar-crit"][theme]) >= 4.5
