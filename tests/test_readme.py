"""The README's first screen, its two pasted lines, and its Thai sister. tests/docs has the rest."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.pages import README, THAI, blocks, commands

#: What a reader sees without scrolling, on a laptop: so many lines, and a picture.
FIRST_SCREEN = 18


def pasted(page: Path) -> list[str]:
    return [line for line in commands(page) if line.startswith("python3 -m venv .venv && ")]


def test_there_is_one_line_to_play_and_one_to_test() -> None:
    play, test = pasted(README)

    assert "scenarios/primetime.py --headless" in play
    assert test.endswith("pytest -n 2")


def test_the_first_screen_has_the_problem_the_two_commands_and_the_picture() -> None:
    for page in (README, THAI):
        screen = "\n".join(page.read_text(encoding="utf-8").splitlines()[:FIRST_SCREEN])

        assert "ConnectionError: timeout" in screen
        assert (
            len(re.findall(r"^(?:python3 -m venv|\.venv/bin/python -m reports) ", screen, re.MULTILINE)) == 2
        )
        assert "](reports/images/evening.png)" in screen


def test_both_languages_say_to_do_the_same() -> None:
    assert commands(THAI) == commands(README)
    assert [block.text for block in blocks(THAI, "python")] == [
        block.text for block in blocks(README, "python")
    ]


def test_the_thai_page_speaks_as_the_article_does() -> None:
    text = THAI.read_text(encoding="utf-8")
    said = (
        "2 ทุ่ม",
        "prime time",
        "timeout",
        "retry",
        "semaphore",
        "circuit breaker",
        "คำขอ",
        "ใช้งานจริง",
        "จำกัดคำขอพร้อมกัน",
    )

    assert [word for word in said if word not in text] == []


def test_both_languages_lead_to_the_same_places_and_give_the_same_figures() -> None:
    english, thai = (page.read_text(encoding="utf-8") for page in (README, THAI))
    places = [set(re.findall(r"\]\(([^)]+)\)", text)) for text in (english, thai)]
    figures = [
        re.findall(r"^\|.*\| ([\d.,∞]+)(?: [%s])? \|$", text, re.MULTILINE) for text in (english, thai)
    ]

    assert places[0] ^ places[1] == {"README.md", "README.th.md"}
    assert figures[0] == figures[1]
    assert len(figures[0]) >= 4
