"""The server's page of documentation: its examples run, its tables are those of the code."""

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

import mockserver
from mockserver.profile import Profile
from mockserver.profile_document import as_document
from mockserver.profile_file import bundled_names, parse_profile
from mockserver.rule_tables import _KEYS_OF
from mockserver.rules import REFUSING, SPOILING, ConnectionAction, RequestRule
from tests.mockserver.server.running import Mock, command, running
from tests.mockserver.server.seen import CONNECTIONS_SEEN, SEEN, Error, Seen

HERE = Path(mockserver.__file__).parent
PAGE = (HERE / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def rows(first: str) -> dict[str, list[str]]:
    """The rows of the table whose head begins so, by what stands in backticks at their beginning."""
    table = PAGE[PAGE.index(f"| {first} |") :].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table]
    return {name: row[1:] for row in cells for name in re.findall(r"`([^`]+)`", row[0])}


def _cell(whole: Error, stream: Error, home: str) -> str:
    """How the table writes what a client raises for a whole reply and for a stream."""
    texts = [_named(error, home) for error in (whole, stream)]
    return texts[0] if texts[0] == texts[1] else " / ".join(texts)


def _named(error: Error, home: str) -> str:
    if error is None:
        return "–"
    if isinstance(error, tuple):
        return " or ".join(_named(one, home) for one in error)
    package = error.__module__.partition(".")[0]
    return f"`{error.__name__}`" if package in {home, "json", "builtins"} else f"`{package}.{error.__name__}`"


def cells(seen: Seen) -> list[str]:
    return [
        _cell(getattr(seen, f"whole_{column}"), getattr(seen, f"stream_{column}"), home)
        for column, home in (
            ("httpx", "httpx"),
            ("aiohttp", "aiohttp"),
            ("openai_sdk", "openai"),
            ("anthropic_sdk", "anthropic"),
        )
    ]


def test_the_table_of_faults_is_what_the_clients_raise() -> None:
    table = rows("action")
    assert table.keys() == REFUSING | SPOILING == SEEN.keys()
    assert {action: row[1:] for action, row in table.items()} == {
        action: cells(seen) for action, seen in SEEN.items()
    }


def test_the_table_of_connection_faults_too() -> None:
    table = rows("of a connection")
    assert table.keys() == set(get_args(ConnectionAction)) == CONNECTIONS_SEEN.keys()
    assert {action: row[1:] for action, row in table.items()} == {
        action: cells(seen) for action, seen in CONNECTIONS_SEEN.items()
    }


def test_every_key_of_a_rule_is_explained() -> None:
    named = set(re.findall(r"`([a-z_]+)`", PAGE))
    selectors = {"name", "probability", "window", "from_s", "to_s", *(rows("key"))}
    ours = {field.name for field in fields(RequestRule)} - {"action", "when", "retry_after"}
    assert ours | _KEYS_OF.keys() | selectors <= named


def test_the_example_is_a_profile_that_has_every_section_and_key() -> None:
    (text,) = blocks("toml")
    document = tomllib.loads(text)
    parse_profile(document)
    whole = as_document(Profile("x"))
    assert document.keys() | {"name"} == whole.keys()
    for section, values in whole.items():
        if isinstance(values, dict):
            block = text[text.index(f"[{section}]") :].partition("\n[")[0]
            alike = {"cv": "cv", "mean_ms": "mean_ms"}
            missing = [key for key in values if alike.get(key, key) not in block and key != "models"]
            assert missing == [], section


def test_every_bundled_profile_is_described() -> None:
    assert sorted(rows("profile")) == bundled_names()


def test_every_admin_path_and_field_of_the_log_is_named(tmp_path: Path) -> None:
    with running("--profile", "instant", log=tmp_path / "log.jsonl") as mock:
        _, _, answer = mock.request("GET", "/admin/nothing")
        known = re.findall(r"/[a-z/]+", answer.decode().partition("known: ")[2])
        mock.chat()
        mock.stop()
        (row,) = mock.rows()
    assert [path for path in known if path not in PAGE] == []
    assert [name for name in row if f"`{name}`" not in PAGE] == []


def test_the_help_names_every_profile_and_fits_a_terminal() -> None:
    environment = os.environ | {"COLUMNS": "100"}
    text = subprocess.run(
        command("--help"), capture_output=True, text=True, check=True, env=environment
    ).stdout
    assert all(name in text for name in bundled_names())
    assert max(map(len, text.splitlines())) <= 110
    options = set(re.findall(r"--[a-z-]+", text)) - {"--help"}
    assert [option for option in options if option not in PAGE and option != "--exit-with-parent"] == []


def _with_port(text: str, mock: Mock) -> str:
    return text.replace(ADDRESS, f"http://127.0.0.1:{mock.port}")


PYTHON = blocks("python")


@pytest.mark.parametrize("index", range(len(PYTHON)))
def test_each_python_example_runs(index: int, tmp_path: Path) -> None:
    with running("--profile", "instant") as mock:
        script = tmp_path / "test_example.py"
        script.write_text(_with_port(PYTHON[index], mock), encoding="utf-8")
        how = ["-W", "error", str(script)]
        if "def test_" in PYTHON[index]:
            (tmp_path / "conftest.py").write_text('pytest_plugins = ["mockserver.pytest_plugin"]\n')
            how = ["-m", "pytest", "-q", "-p", "no:cacheprovider", str(script)]
        done = subprocess.run(
            [sys.executable, *how],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(HERE.parent)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize(("index", "status"), [(1, 200), (2, 429)])
def test_each_curl_example_runs(index: int, status: int) -> None:
    lines = blocks("sh")[index]
    with running("--profile", "instant") as mock:
        done = subprocess.run(
            [
                "bash",
                "-c",
                _with_port(lines.replace("curl ", "curl -sS -o /dev/null -w '%{http_code}' ", 1), mock),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, str(status)), done.stderr


def test_its_first_command_starts_the_server() -> None:
    line = blocks("sh")[0].split()
    assert line[:3] == ["python", "-m", "mockserver"]
    with running(*line[3:-2]) as mock:
        assert mock.ready["profile"] == "primetime"


def test_every_file_it_links_to_exists() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", PAGE) if "://" not in link]
    assert len(links) >= 3
    assert all((HERE / link).exists() for link in links)
