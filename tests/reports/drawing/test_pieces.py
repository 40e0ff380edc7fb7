"""The pieces of pages: what they hold, what they leave out, and that nothing in them is markup by chance."""

from __future__ import annotations

from reports.drawing import page
from reports.drawing.page import NOTHING, Part
from tests.reports.html_check import Page

EVIL = "<b>\"'&"


def test_text_is_escaped_wherever_it_stands() -> None:
    made = page.element("p", EVIL, cls=EVIL, attributes={"title": EVIL})
    told = "&lt;b&gt;&quot;&#x27;&amp;"
    assert made == f'<p class="{told}" title="{told}">{told}</p>'


def test_markup_is_kept() -> None:
    assert page.element("p", page.element("b", "x"), "&") == "<p><b>x</b>&amp;</p>"


def test_a_table_names_its_columns_and_rows() -> None:
    made = page.table("Calls", ["", "n"], [["ok", "3"]])
    assert '<td></td><th scope="col">n</th>' in made
    assert '<th scope="row">ok</th><td>3</td>' in made
    assert made.startswith('<div class="scroll" role="region" aria-label="Calls" tabindex="0"><table>')


def test_a_table_without_a_row_is_left_out_with_its_card() -> None:
    assert page.table("Calls", ["", "n"], []) == NOTHING
    assert page.card(page.table("Calls", ["", "n"], [])) == NOTHING


def test_a_part_without_a_body_is_neither_shown_nor_led_to() -> None:
    parts = [Part("one", "One & only", page.element("p", "x")), Part("two", "Two", NOTHING)]
    made = page.document("A page", [page.header("A page")], parts, "foot")
    assert Page(made).wrong == []
    assert '<li><a href="#one">One &amp; only</a></li></ul>' in made
    assert "#two" not in made


def test_no_reason_is_no_banner() -> None:
    assert page.banner("Beware", []) == NOTHING
    assert "<li>&lt;b&gt;" in page.banner("Beware", [EVIL])


def test_settings_are_flat_and_alike_if_they_mean_the_same() -> None:
    nested = {"retry": {"attempts": 3, "on": ["timeout", None]}, "open_s": 10.0, "ratio": 0.25, "ramp": True}
    assert page.flatten(nested) == [
        ("retry.attempts", "3"),
        ("retry.on", "timeout, none"),
        ("open_s", "10"),
        ("ratio", "0.25"),
        ("ramp", "true"),
    ]
