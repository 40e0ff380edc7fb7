"""Colours stand out from every ground they may lie on, by day and by night (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import Colormap, to_hex

from reports.drawing import style, theme
from reports.sweep import plots

DAY, NIGHT = 0, 1
TEXTS = ("ink", "muted", "link")


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2, its definition)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_formula_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # WebAIM's contrast checker


@pytest.mark.parametrize("when", [DAY, NIGHT], ids=["day", "night"])
@pytest.mark.parametrize("ground", ["sheet", "ground"])
@pytest.mark.parametrize("text", TEXTS)
def test_text_is_read_on_every_ground(text: str, ground: str, when: int) -> None:
    assert contrast(theme.GROUNDS[text][when], theme.GROUNDS[ground][when]) >= 4.5


@pytest.mark.parametrize("when", [DAY, NIGHT], ids=["day", "night"])
def test_a_warning_is_read(when: int) -> None:
    assert contrast(theme.GROUNDS["warn-ink"][when], theme.GROUNDS["warn"][when]) >= 4.5


@pytest.mark.parametrize("when", [DAY, NIGHT], ids=["day", "night"])
@pytest.mark.parametrize("ground", ["sheet", "ground"])
@pytest.mark.parametrize("name", theme.DRAWN)
def test_what_is_drawn_is_seen_on_every_ground(name: str, ground: str, when: int) -> None:
    assert contrast(theme.DRAWN[name][when], theme.GROUNDS[ground][when]) >= 3


@pytest.mark.parametrize("colours", [plots._GOOD, plots._BAD], ids=["good", "bad"])
def test_numbers_are_read_on_every_tile_of_a_heat_map(colours: Colormap) -> None:
    for value in np.linspace(0, 1, 101):
        tile = colours(value)
        assert contrast(style.on_tile(*tile[:3]), to_hex(tile)) >= 4.5, value


def test_every_colour_that_plots_use_has_a_night() -> None:
    used = {
        *style.OUTCOMES.values(),
        *style.PRESETS.values(),
        *style.OTHERS,
        *style.BREAKER.values(),
        style.UNKNOWN_OUTCOME,
        style.INK,
        style.MUTED,
        style.FAINT,
        style.PAPER,
        style.OFFERED,
        style.STORM,
        style.LIMIT,
    }
    assert [colour for colour in sorted(used) if not theme.variable(colour).startswith("var(--")] == []


def test_no_two_variables_share_a_colour_of_the_day() -> None:
    days = [day for day, _ in {**theme.GROUNDS, **theme.DRAWN, **theme.FILLS}.values()]
    assert len(days) == len(set(days))


def test_a_picture_takes_the_colours_of_its_page_and_leaves_the_others() -> None:
    drawn = '<path style="fill: #2374ab; stroke: #123456"/><text style="fill: #1f2933">#2374ab</text>'
    assert theme.themed(drawn) == (
        '<path style="fill: var(--ok); stroke: #123456"/><text style="fill: var(--ink)">#2374ab</text>'
    )


def test_day_is_what_paper_has() -> None:
    day, night = theme.variables().strip().split("\n")
    assert "--ink:#1f2933;" in day
    assert night.startswith("@media screen and (prefers-color-scheme:dark)")
    assert "--ink:#e6eaee;" in night
