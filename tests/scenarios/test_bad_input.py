"""Bad input: one clear line, a non-zero exit, no traceback."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.scenarios.running import finish, free_port, play, start


def bad_file(tmp_path: Path, name: str, text: str) -> str:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def assert_refused(code: int, printed: str, *words: str) -> None:
    """One line of ours that says it, and no traceback."""
    lines = [line for line in printed.splitlines() if "error: " in line]
    assert code not in {0, None}
    assert "Traceback" not in printed
    assert len(lines) == 1, printed
    for word in words:
        assert word in lines[0], lines[0]


def refused(tmp_path: Path, scenario: str, *options: str) -> tuple[int, str]:
    played = play(scenario, *options, run_dir=tmp_path / "runs")
    assert not played.folders
    return played.code, played.out + played.err


def test_an_unknown_preset_names_the_nearest(tmp_path: Path) -> None:
    assert_refused(*refused(tmp_path, "primetime.py", "--policy", "tunde"), "'tunde'", "did you mean 'tuned'")


def test_a_policy_file_with_an_unknown_key_names_it(tmp_path: Path) -> None:
    path = bad_file(tmp_path, "mine.toml", "[retry]\natempts = 3\n")
    assert_refused(
        *refused(tmp_path, "primetime.py", "--policy", path), path, "atempts", "did you mean 'attempts'"
    )


def test_a_policy_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    path = bad_file(tmp_path, "mine.toml", "[retry\n")
    assert_refused(*refused(tmp_path, "primetime.py", "--policy", path), path, "not valid TOML")


def test_a_missing_policy_file_is_refused(tmp_path: Path) -> None:
    assert_refused(*refused(tmp_path, "primetime.py", "--policy", "none.toml"), "none.toml", "No such file")


def test_a_malformed_profile_file_is_refused(tmp_path: Path) -> None:
    path = bad_file(tmp_path, "server.toml", "[capacity]\nslots = -3\n")
    assert_refused(*refused(tmp_path, "primetime.py", "--mock-profile", path), "slots", "-3")


def test_an_unknown_profile_is_refused(tmp_path: Path) -> None:
    assert_refused(*refused(tmp_path, "primetime.py", "--mock-profile", "primtime"), "primtime", "primetime")


def test_a_missing_trace_is_refused(tmp_path: Path) -> None:
    assert_refused(*refused(tmp_path, "replay.py", "--trace", "none.csv"), "none.csv", "No such file")
    assert_refused(*refused(tmp_path, "replay.py"), "--trace")


def test_a_malformed_line_of_a_trace_is_named_by_its_number(tmp_path: Path) -> None:
    rows = (
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.68,374,44\n2023-11-16 18:15:50,many,9\n"
    )
    path = bad_file(tmp_path, "trace.csv", rows)
    assert_refused(*refused(tmp_path, "replay.py", "--trace", path), "line 3", "ContextTokens", "many")


def test_an_unwritable_run_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file, not a folder", encoding="utf-8")
    played = play("primetime.py", run_dir=tmp_path / "runs")
    assert_refused(played.code, played.out + played.err, "--run-dir", str(tmp_path / "runs"))


def test_an_unreachable_host_is_refused(tmp_path: Path) -> None:
    host = f"http://127.0.0.1:{free_port()}"
    assert_refused(*refused(tmp_path, "primetime.py", "--host", host), host, "cannot be reached")


@pytest.mark.parametrize(
    "host", ["https://api.openai.com", "http://10.1.2.3:8000", "http://127.0.0.1.evil.example"]
)
def test_a_host_elsewhere_needs_permission_and_a_budget(tmp_path: Path, host: str) -> None:
    permission, budget = "--allow-real-target", "a budget (--max-usd, --max-requests, --max-tokens"
    for given, missing in (
        ((), (permission, budget)),
        (("--allow-real-target",), (budget,)),
        (("--max-requests", "5"), (permission,)),
    ):
        result = refused(tmp_path, "primetime.py", "--host", host, *given)
        assert_refused(*result, *missing, host)


def test_a_host_that_is_no_address_is_refused(tmp_path: Path) -> None:
    assert_refused(*refused(tmp_path, "primetime.py", "--host", "localhost:8000"), "--host", "localhost:8000")


def test_a_web_port_in_use_is_refused(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        process = start("primetime.py", "--web-host", "127.0.0.1", "--web-port", port, run_dir=tmp_path)
        played = finish(process, tmp_path)
    assert_refused(played.code, played.out + played.err, "--web-port", port, "in use")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--evening", "soon"), ("--evening", "'soon'", "3m")),
        (("--window", "8pm-9pm"), ("--window", "8pm-9pm", "19:30-20:30")),
        (("--peak-rps", "-1"), ("--peak-rps", "-1")),
        (("--max-requests", "0"), ("--max-requests", "0")),
        (("--arrivals", "sometimes"), ("--arrivals", "sometimes", "poisson")),
    ],
)
def test_options_out_of_range_are_refused(
    tmp_path: Path, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    assert_refused(*refused(tmp_path, "primetime.py", *options), *words)


def test_too_few_permits_for_the_workers_are_refused(tmp_path: Path) -> None:
    path = bad_file(tmp_path, "tiny.toml", "[concurrency]\nlimit = 1\n")
    result = refused(tmp_path, "primetime.py", "--policy", path, "--processes", "2")
    assert_refused(*result, "concurrency.limit", "1", "2 workers")
