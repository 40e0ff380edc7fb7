"""The reports' page of documentation: its specs are specs, its commands and measures exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import duckdb

import reports
from harness import prices
from reports.__main__ import parser
from reports.export.tables import export
from reports.gate import thresholds
from reports.sweep.spec import read_sweep
from reports.tune.spec import read_tune
from reports.virtual.measures import MEASURES
from tests.reports import runs

FOLDER = Path(reports.__file__).parent
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
SPECS = re.findall(r"^```toml\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^\.venv/bin/python -m reports (.+)$", PAGE, flags=re.MULTILINE)


def having(table: str) -> str:
    """The one example that has this table."""
    (text,) = (spec for spec in SPECS if f"[{table}]" in spec)
    return text


def test_the_specs_can_be_played(tmp_path: Path) -> None:
    sweep, study = tmp_path / "sweep.toml", tmp_path / "study.toml"
    sweep.write_text(having("grid"), encoding="utf-8")
    study.write_text(having("range"), encoding="utf-8")

    assert len(read_sweep(sweep).settings) == 6
    assert read_tune(study).rungs == [2, 6]


def test_the_prices_are_a_table() -> None:
    assert prices.parse(having(prices.TABLE), "README.md").of("gpt-4.1-2025-04-14") == prices.Price(
        2_000_000, 8_000_000
    )


def test_the_query_of_an_export_answers(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    export(folder, folder / "export", "parquet")
    (query,) = re.findall(r"^```sql\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)

    # Two broadcasts took 1 and 2 s: their p95 lies 95 % of the way.
    found = {kind: (n, p95) for kind, n, p95 in duckdb.sql(query.replace("RUN", str(folder))).fetchall()}
    assert found["line_broadcast"] == (2, 1950.0)
    assert found["hashtags"][0] == 10


def test_the_commands_are_understood() -> None:
    assert [parser().parse_args(shlex.split(line)).command for line in COMMANDS] == [
        "compare",
        "summarise",
        "export",
        "export",
        "baseline",
        "gate",
        "gate",
        "gate",
        "baseline",
        "gate",
        "gate",
        "html",
        "html",
        "html",
        "play",
        "play",
        "sweep",
        "play",
        "tune",
        "fit",
        "play",
    ]


def test_the_thresholds_are_understood() -> None:
    (line,) = (line for line in COMMANDS if "--threshold" in line)
    found = [thresholds.parse(text) for text in parser().parse_args(shlex.split(line)).threshold]

    assert [(held.metric, held.limit) for held in found] == [
        ("call_latency", 8000.0),
        ("outcomes.timeout", 0.01),
        ("amplification", 1.5),
    ]


def test_every_command_and_every_measure_is_named() -> None:
    named = set(re.findall(r"`([a-z0-9_]+)", PAGE))

    assert {"summarise", "html", "compare", "export", "baseline", "gate", "play", "sweep", "tune"} <= named
    assert {name.partition(".")[0] for name in MEASURES} <= named


def test_every_study_and_sweep_that_ships_can_be_read() -> None:
    specs = sorted((FOLDER / "experiments").glob("*.toml"))

    assert len(specs) >= 6
    for path in specs:
        text = path.read_text(encoding="utf-8")
        spec = read_tune(path) if "[range]" in text else read_sweep(path)
        assert spec.title
        assert spec.finding


def test_its_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", PAGE) if "://" not in link]

    assert links
    assert all((FOLDER / link).exists() for link in links)
