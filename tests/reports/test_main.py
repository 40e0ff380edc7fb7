import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from reports import __main__ as cli
from tests.reports import runs


def reports(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reports", *map(str, arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, **environment},
    )


@dataclass(frozen=True)
class Said:
    """What a command ended with and printed, in this process: starting one a command takes a second each."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def run(*arguments: object) -> Said:
        code = cli.main([str(a) for a in arguments])
        return Said(code, *capsys.readouterr())

    return run


def test_summarise_prints_the_table_and_writes_the_document(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    done = reports("summarise", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "request goodput" in done.stdout
    assert json.loads((folder / "summary.json").read_text())["calls"] == 12


def test_summarise_prints_json_and_nothing_else(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    done = reports("summarise", folder, "--json", "--goodput", "call_latency:2000", "e2el:1500")
    assert json.loads(done.stdout)["good_calls"] == 3
    assert done.stdout == (folder / "summary.json").read_text()


def test_summarise_writes_the_page_too_where_it_is_asked_to(
    tmp_path: Path, here: Callable[..., Said]
) -> None:
    folder = runs.paper_run(tmp_path / "run")
    assert here("html", folder).returncode == 0
    page = (folder / "report.html").read_text()
    (folder / "report.html").unlink()
    text = here("summarise", folder).stdout
    assert not (folder / "report.html").exists()
    done = here("summarise", folder, "--html")
    assert (done.returncode, done.stdout) == (0, f"{text}wrote {folder}/report.html\n")
    assert (folder / "report.html").read_text() == page
    assert here("summarise", folder, "--html", "--json").stdout == (folder / "summary.json").read_text()


def test_prices_are_the_users_own_where_they_say_so(tmp_path: Path, here: Callable[..., Said]) -> None:
    folder = runs.paper_run(tmp_path / "run")
    table = tmp_path / "prices.toml"
    table.write_text('[usd_per_million_tokens]\n"mock" = { prompt = 1, completion = 10 }\n')
    done = here("summarise", folder, "--prices", table)
    assert (done.returncode, done.stderr) == (0, "")
    assert "$0.000738 a good call; $0.000230 wasted" in done.stdout  # (730 + 3,700) / 6 millionths; 30 + 200
    assert here("html", folder, "--prices", table).returncode == 0
    assert "$0.000738 a good call" in (folder / "report.html").read_text()
    other = runs.paper_run(tmp_path / "other", policy="article")
    compared = here("compare", folder, other, "--prices", table)
    assert compared.stdout.count("$0.000738") == 2


def test_a_choice_for_failures_is_one_for_every_page_of_runs(
    tmp_path: Path, here: Callable[..., Said]
) -> None:
    folders = [runs.paper_run(tmp_path / name, policy=name) for name in ("article", "tuned")]
    asked = ["--failures", "took"]
    for command in (["summarise", folders[0]], ["compare", *folders]):
        assert "failed ones by how long they took" in " ".join(here(*command, *asked).stdout.split())
    for given in (folders[:1], folders):
        out = tmp_path / f"{len(given)}.html"
        assert here("html", *given, *asked, "-o", out).returncode == 0
        assert "failed ones by how long they took" in out.read_text()
    assert here("summarise", folders[0], "--failures", "never").returncode == 2


@pytest.mark.parametrize("command", ["summarise", "html", "compare"])
def test_a_price_table_that_is_none_is_one_line(
    tmp_path: Path, here: Callable[..., Said], command: str
) -> None:
    folder = runs.paper_run(tmp_path / "run")
    table = tmp_path / "prices.toml"
    table.write_text('[usd_per_million_tokens]\n"mock" = { prompt = -1, completion = 10 }\n')
    done = here(command, *[folder] * (2 if command == "compare" else 1), "--prices", table)
    assert (done.returncode, done.stdout) == (2, "")
    said = (
        f'reports: error: {table}: usd_per_million_tokens."mock".prompt = -1: expected US dollars per million'
    )
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1


def test_export_says_what_it_wrote_and_what_was_cut(tmp_path: Path, here: Callable[..., Said]) -> None:
    folder = runs.paper_run(tmp_path / "run")
    done = here("export", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"wrote {folder}/export/calls.parquet (12 rows)",
        f"wrote {folder}/export/attempts.parquet (15 rows)",
        f"wrote {folder}/export/events.parquet (3 rows)",
        f"wrote {folder}/export/columns.md",
    ]
    (calls,) = folder.glob("calls-*.arrow")
    calls.write_bytes(calls.read_bytes()[:-1])
    cut = here("export", folder, "--format", "csv", "-o", tmp_path / "out")
    assert cut.returncode == 0
    assert cut.stderr == f"reports: {calls.name} is cut short: exported up to its last whole batch\n"
    assert (tmp_path / "out" / "calls.csv").read_text().count("\n") == 13
    nowhere = here("export", folder, "-o", calls)
    assert (nowhere.returncode, nowhere.stdout) == (2, "")
    assert nowhere.stderr == f"reports: error: {calls}: cannot be written: File exists\n"
    assert here("export", tmp_path / "none").returncode == 2


def test_export_prints_json_for_machines(tmp_path: Path, here: Callable[..., Said]) -> None:
    folder = runs.paper_run(tmp_path / "run")
    (calls,) = folder.glob("calls-*.arrow")
    calls.write_bytes(calls.read_bytes()[:-1])
    done = here("export", folder, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    names = ("calls.parquet", "attempts.parquet", "events.parquet", "columns.md")
    assert json.loads(done.stdout) == {
        "written": [f"{folder}/export/{name}" for name in names],
        "rows": {"calls": 12, "attempts": 15, "events": 3},
        "missing": [f"{calls.name} is cut short: exported up to its last whole batch"],
    }


def test_an_objective_of_streams_is_asked_for_as_any_other(tmp_path: Path) -> None:
    folder = runs.spoken_run(tmp_path / "run")
    done = reports("summarise", folder, "--json", "--goodput", "ttft:400", "itl:60", "tpot:60")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["good_calls"] == 1  # call 2; nobody counted the tokens of call 4


def test_html_writes_the_same_page_wherever_it_was_asked_to(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    assert reports("html", folder).returncode == 0
    page = (folder / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert cli.main(["html", str(folder), "-o", str(tmp_path / "x.html")]) == 0
    assert (tmp_path / "x.html").read_text() == page


def test_compare_writes_beside_the_runs(tmp_path: Path) -> None:
    folders = [runs.paper_run(tmp_path / name, policy=name) for name in ("article", "tuned")]
    done = reports("compare", *folders)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("\n")[0].split() == ["article", "tuned"]
    assert (tmp_path / "compare.html").exists()
    assert (tmp_path / "compare.png").exists()


def test_compare_prints_json_with_its_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [runs.paper_run(tmp_path / str(seed), seed=seed) for seed in (1, 2)]
    (tmp_path / "out").mkdir()
    assert cli.main(["compare", *map(str, folders), "--json", "-o", str(tmp_path / "out")]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["warnings"] == ["the runs differ in more than policy: seed (1 / 2)"]
    assert [r["label"] for r in document["runs"]] == ["tuned seed 1", "tuned seed 2"]
    assert (tmp_path / "out" / "compare.png").exists()


BAD_INPUT = [
    (["summarise", "nowhere"], "nowhere: no such folder"),
    (["summarise", "{tmp}"], "holds 1 run and is none itself: expected one of them; the newest is {run}"),
    (["html", "{tmp}"], "holds 1 run and is none itself"),
    (["summarise", "{run}/manifest.json"], "a file: expected a folder, such as {run}"),
    (["html", "{tmp}/rum"], "no such folder, did you mean '{run}'?"),
    (["summarise", "{run}", "--goodput", "fast"], "--goodput fast: expected METRIC:MILLISECONDS"),
    (["summarise", "{run}", "--nope"], "unrecognized arguments: --nope"),
    (["summarise"], "the following arguments are required: RUN"),
    (["polish"], "invalid choice: 'polish'"),
    ([], "required: COMMAND"),
    (["compare", "{run}"], "compare: expected two runs or more"),
    (["html", "{run}", "-o", "{tmp}/no/such/folder.html"], "cannot be written"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_INPUT)
def test_bad_input_ends_in_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    run = runs.paper_run(tmp_path / "run")
    assert cli.main([a.format(tmp=tmp_path, run=run) for a in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("reports: error: ")
    assert message.format(tmp=tmp_path, run=run) in err
    assert err.count("\n") == 1


def test_a_damaged_file_ends_without_traceback(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    (path,) = folder.glob("attempts-*.arrow")
    path.write_bytes(b"not arrow at all")
    done = reports("summarise", folder)
    assert done.returncode == 2
    assert done.stderr == f"reports: error: {path}: not an Arrow stream, or damaged at byte 0\n"


def test_a_terminal_without_the_signs_gets_others(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    done = reports("summarise", folder, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")


def test_help_shows_examples() -> None:
    done = reports("-h")
    assert done.returncode == 0
    assert "python -m reports compare" in done.stdout


def test_ctrl_c_ends_in_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("reports.commands.summarise.read_run", interrupt)
    assert cli.main(["summarise", "run"]) == 130
    assert capsys.readouterr() == ("", "interrupted\n")


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    command = f'"{sys.executable}" -m reports summarise "{folder}" | true; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.strip() in {"0", "141"}
