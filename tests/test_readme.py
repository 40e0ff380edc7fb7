"""The README's examples are executed, its commands checked against the command lines they name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from harness.policy.parse import parse
from tests.mockserver.server.running import running
from tests.scenarios.running import ROOT, environment, play

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines() if line]


@pytest.mark.parametrize(("index", "lines", "replies"), [(0, 3, 2), (1, 1, 0)])
def test_the_client_examples_run_against_the_mock_server(index: int, lines: int, replies: int) -> None:
    with running("--profile", "instant") as mock:
        done = subprocess.run(
            [sys.executable, "-c", blocks("python")[index]],
            env={
                **os.environ,
                "OPENAI_BASE_URL": f"http://127.0.0.1:{mock.port}/v1",
                "OPENAI_API_KEY": "sk-test",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == lines
    assert done.stdout.count("ok: Reply(") == replies


def test_the_scenario_example_runs(tmp_path: Path) -> None:
    scenario = tmp_path / "mine.py"
    scenario.write_text(blocks("python")[2], encoding="utf-8")
    played = play(str(scenario), "--evening", "2s", "--mock-profile", "instant", run_dir=tmp_path / "runs")

    played.assert_whole()
    assert played.summary["outcomes"]["ok"] == played.summary["calls"] > 10


def test_the_pytest_example_passes(tmp_path: Path) -> None:
    example = tmp_path / "test_example.py"
    example.write_text(blocks("python")[3], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(example)],
        env=environment() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_the_policy_example_is_a_policy_and_its_comments_name_every_key() -> None:
    text = blocks("toml")[0]
    policy = parse(tomllib.loads(text), "readme")

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


def test_the_readme_has_one_line_to_play_and_one_to_test() -> None:
    pasted = [line for line in commands() if line.startswith("python3 -m venv .venv && ")]

    assert len(pasted) == 2
    assert "scenarios/primetime.py --headless" in pasted[0]
    assert pasted[1].endswith("pytest -n 2")


@pytest.mark.parametrize("scenario", ["primetime.py", "steady.py", "replay.py", "queued.py"])
def test_every_option_a_command_uses_exists(scenario: str) -> None:
    used = {o for line in commands() if scenario in line for o in re.findall(r"(?<= )--?[a-z][\w-]*", line)}
    # Locust's own --help leaves out what a locustfile adds: ask the parser.
    script = (
        f"import scenarios.{scenario[:-3]}, locust.argument_parser as a; print(a.get_parser().format_help())"
    )
    command = [sys.executable, "-c", script]
    help_text = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment()
    ).stdout

    missing = [o for o in used - {"-m", "-q", "-e"} if not re.search(rf"(?<![\w-]){o}(?![\w-])", help_text)]
    assert not missing


def test_every_file_it_links_to_exists() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]

    assert len(links) >= 4
    assert all((ROOT / link).exists() for link in links)
