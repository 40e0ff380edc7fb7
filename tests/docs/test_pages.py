"""The pages about the whole: their links lead somewhere, and their examples run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from harness.policy.parse import parse
from reports.__main__ import parser
from tests.docs.pages import DOCS, OF_PACKAGES, PAGES, REFERENCE, SAVED, Block, blocks, name, steps
from tests.docs.walking import is_repeated
from tests.mockserver.server.running import running
from tests.scenarios.running import ROOT

EVERY = [*PAGES, *REFERENCE, *OF_PACKAGES]
POLICY = DOCS / "how-to" / "own-policy.md"


def anchors(page: Path) -> set[str]:
    """The fragments of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", EVERY, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    ours = [link.partition("#") for link in links if "://" not in link]

    gone = [path for path, _, _ in ours if not (page.parent / path).exists()]
    assert not gone
    targets = {(page.parent / path if path else page, fragment) for path, _, fragment in ours if fragment}
    lost = [f"{to.name}#{at}" for to, at in targets if to.suffix == ".md" and at not in anchors(to)]
    assert not lost


def test_every_page_is_reached_from_the_index() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    linked = {(DOCS / link).resolve() for link in re.findall(r"\]\(([^)#]+)\)", index)}

    assert {*DOCS.rglob("*.md"), *OF_PACKAGES} - linked == {DOCS / "README.md"}


def examples() -> list[pytest.param]:  # type: ignore[valid-type]
    """Examples in Python that are not saved, and run by a command of their page."""
    found = [(page, block) for page in PAGES for block in blocks(page, "python")]
    return [
        pytest.param(page, block, id=f"{name(page)}-{n}")
        for n, (page, block) in enumerate(found)
        if not SAVED.search(block.lead)
    ]


@pytest.mark.parametrize(("page", "block"), examples())
def test_each_python_example_runs(page: Path, block: Block, tmp_path: Path) -> None:
    for saved in blocks(page):
        if file := SAVED.search(saved.lead):
            (tmp_path / Path(file[1]).name).write_text(saved.text, encoding="utf-8")
    with running("--profile", "instant") as mock:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", block.text],
            cwd=tmp_path,
            env={
                **os.environ,
                "OPENAI_BASE_URL": f"http://127.0.0.1:{mock.port}/v1",
                "OPENAI_API_KEY": "sk-test",
                "PYTHONPATH": str(ROOT),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "failed:" not in done.stdout


def unrepeated() -> list[str]:
    """Commands of the pages that no test of these does."""
    return [line for page in PAGES for step in steps(page) if not is_repeated(step) for line in step.lines]


def test_reports_that_no_test_repeats_are_understood_all_the_same() -> None:
    asked = [shlex.split(line)[3:] for line in unrepeated() if "-m reports" in line]

    assert {parser().parse_args(words).command for words in asked} == {"gate", "fit"}


def test_every_option_of_a_scenario_that_no_test_repeats_exists() -> None:
    lines = [line for line in unrepeated() if "locust -f" in line]
    used = {option for line in lines for option in re.findall(r"(?<= )--[a-z][\w-]*", line)}
    # In a process of its own: Locust patches the whole process.
    script = "import locust.argument_parser as a; print(a.get_parser().format_help())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    ours = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    known = set(re.findall(r"--[a-z][\w-]*", done.stdout + ours))

    assert len(lines) >= 3
    assert used - known == set()


def test_the_policy_example_is_a_policy_and_its_comments_name_every_key() -> None:
    (text,) = (block.text for block in blocks(POLICY, "toml"))
    policy = parse(tomllib.loads(text), "example")

    assert policy.breaker.counts == ("timeout", "overloaded", "transient.connect")
    comments = {section: set(re.findall(r"\w+", words)) for section, words in _comments(text).items()}
    for field in fields(policy):
        value = getattr(policy, field.name)
        if is_dataclass(value):
            assert {key.name for key in fields(value)} <= comments[field.name], field.name
        elif field.name != "name":
            assert field.name in text


def _comments(text: str) -> dict[str, str]:
    """The comments of each section: behind its name, and on the lines of their own below it."""
    found: dict[str, str] = {}
    section = ""
    for line in text.splitlines():
        code, _, comment = line.partition("#")
        if code.startswith("["):
            section = code.strip(" []")
        if code.startswith("[") or not code.strip():
            found[section] = found.get(section, "") + comment
    return found
