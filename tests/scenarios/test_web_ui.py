"""The web UI: start, stop, start again; a run that ends by itself; values that are wrong."""

from __future__ import annotations

import json
import os
import signal
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.scenarios.running import Played, finish, free_port, read_json, recorded, start, table, wait_for
from tests.scenarios.test_conservation import FAULTS


def ask(url: str, data: bytes | None = None) -> str:
    with urllib.request.urlopen(url, data=data, timeout=60) as reply:
        text: str = reply.read().decode()
        return text


class Ui:
    """A running web UI."""

    def __init__(self, url: str, runs: Path) -> None:
        self.url = url
        self.runs = runs
        self.played: Played | None = None

    def up(self) -> bool:
        try:
            return "locust" in ask(self.url).lower()
        except OSError:
            return False

    def swarm(self, **options: str) -> None:
        assert self.asked(**options)["success"]

    def asked(self, **options: str) -> dict[str, Any]:
        """What the form is answered."""
        answer: dict[str, Any] = json.loads(
            ask(f"{self.url}/swarm", urllib.parse.urlencode(options).encode())
        )
        return answer

    def stop(self) -> None:
        ask(f"{self.url}/stop", b"")

    def reports(self) -> list[Path]:
        return sorted(self.runs.glob("*/report.html"))


@contextmanager
def web_ui(scenario: str, *options: str, runs: Path, path: str = "") -> Iterator[Ui]:
    port = free_port()
    process = start(scenario, "--web-host", "127.0.0.1", "--web-port", str(port), *options, run_dir=runs)
    ui = Ui(f"http://127.0.0.1:{port}{path}", runs)
    wait_for(ui.up)
    yield ui
    os.killpg(process.pid, signal.SIGINT)
    ui.played = finish(process, runs, timeout_s=30)


def test_it_starts_stops_and_starts_again_with_a_folder_each(tmp_path: Path) -> None:
    with web_ui("primetime.py", "--evening", "5m", "--peak-rps", "40", *FAULTS, runs=tmp_path) as ui:
        for run in (1, 2):
            ui.swarm()
            wait_for(lambda run=run: len(list(tmp_path.iterdir())) == run and recorded(tmp_path) > 20)
            ui.stop()
            wait_for(lambda run=run: len(ui.reports()) == run)

    assert ui.played is not None
    ui.played.assert_whole()
    assert len(ui.played.folders) == 2
    for folder in ui.played.folders:
        ending = read_json(folder / "ending.json")
        calls = table(folder, "calls")
        assert sum(ending["scheduled"].values()) == len(calls)
        # A fresh evening each time: it begins with call 0, and the log holds this run's attempts only.
        assert min(c["call_id"] for c in calls) == 0
        ids = {(a["call_id"], a["attempt"]) for a in table(folder, "attempts")}
        log = (folder / "mock-requests.jsonl").read_text().splitlines()
        assert {(row["call"], row["attempt"]) for row in map(json.loads, log)} <= ids


def test_after_a_run_that_ended_by_itself_another_starts_with_other_settings(tmp_path: Path) -> None:
    with web_ui("steady.py", "--length", "2s", "--mock-profile", "instant", runs=tmp_path) as ui:
        ui.swarm()
        wait_for(lambda: len(ui.reports()) == 1)
        told = {json.loads(ask(f"{ui.url}/resilience/state"))["elapsed_s"] for _ in range(30)}
        assert len(told) == 1  # its clock stands still
        ui.swarm(policy="naive", seed="9", rate="30")
        wait_for(lambda: len(ui.reports()) == 2)

    assert ui.played is not None
    first, second = (read_json(folder / "manifest.json") for folder in ui.played.folders)
    assert (first["policy"]["name"], first["seed"], first["schedule"]["rate"]) == ("tuned", 1, 10)
    assert (second["policy"]["name"], second["seed"], second["schedule"]["rate"]) == ("naive", 9, 30)


WRONG = {
    "policy": ("tunde", "did you mean 'tuned'"),
    "mock_profile": ("instnat", "did you mean 'instant'"),
    "rate": ("fast", "--rate = 'fast': expected a number"),
    "seed": ("1.5", "--seed = '1.5': expected a whole number"),
    "length": ("0s", "expected a length of time"),
    "arrivals": ("closed", "expected a start with --arrivals closed -u N"),
    "transport": ("slow", "one of httpx, fast"),
    "host": ("http://127.0.0.1:1", "cannot be reached"),
}


def test_a_wrong_value_in_the_form_is_said_there_and_the_next_start_works(tmp_path: Path) -> None:
    with web_ui("steady.py", "--length", "2s", "--mock-profile", "instant", runs=tmp_path) as ui:
        for field, (value, words) in WRONG.items():
            answer = ui.asked(**{field: value})
            assert not answer["success"]
            assert words in answer["message"], field
        assert not list(tmp_path.iterdir())
        ui.swarm(policy="tuned")
        wait_for(lambda: list(tmp_path.iterdir()))
        assert "a run is under way" in ui.asked()["message"]
        wait_for(lambda: len(ui.reports()) == 1)

    assert ui.played is not None
    ui.played.assert_whole()
    assert "Traceback" not in ui.played.err


def test_the_options_are_in_the_form(tmp_path: Path) -> None:
    with web_ui("primetime.py", runs=tmp_path) as ui:
        page = ask(ui.url)

    for option in ("policy", "seed", "evening", "window", "peak_rps", "arrivals", "mock_profile"):
        assert f'"{option}"' in page, option
