"""Hidden parameters come back from traffic in virtual time."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from mockserver.profile import Profile
from mockserver.profile_file import parse_profile
from reports.fit.beside import laws
from reports.fit.fit import Fit, fit
from reports.fit.laws import Law
from reports.fit.result import result
from reports.reading.load import read_run
from tests.reports.fit import made

LOAD = {"steady": {"rate": 60, "length": "100s"}}


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Fit:
    folder = made.play(tmp_path_factory.mktemp("streams"), made.HIDDEN, **LOAD)
    return fit([read_run(folder)])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Fit:
    folder = made.play(tmp_path_factory.mktemp("whole"), made.HIDDEN, stream=False, **LOAD)
    return fit([read_run(folder)])


@pytest.fixture(scope="module")
def knee(tmp_path_factory: pytest.TempPathFactory) -> Fit:
    folder = made.play(tmp_path_factory.mktemp("knee"), made.KNEE, steady={"rate": 24, "length": "150s"})
    return fit([read_run(folder)])


def _profile(found: Fit) -> Profile:
    return parse_profile(result(found, laws(found), "fitted")["profile"])


def _same(found: Law, true: Law, rel: float = 0.05) -> None:
    for share in (0.5, 0.99):
        assert found.quantile(share) == pytest.approx(true.quantile(share), rel=rel), share


def test_medians_and_p99s_come_back_from_streams(streams: Fit) -> None:
    profile = _profile(streams)
    _same(made.ttft_of(profile), made.TTFT)
    _same(made.gap_of(profile), made.GAP)
    _same(made.length_of(profile), made.LENGTH)
    for law in laws(streams):
        assert law.goodness.distance < 0.02, law.name


def test_medians_and_p99s_come_back_from_whole_replies(whole: Fit) -> None:
    profile = _profile(whole)
    _same(made.ttft_of(profile), made.TTFT)
    _same(made.length_of(profile), made.LENGTH)
    assert profile.inter_token.mean_ms == pytest.approx(21, rel=0.02)
    assert any("whole replies do not tell how gaps vary" in note for note in _notes(whole))


def _notes(found: Fit) -> list[str]:
    notes: list[str] = result(found, laws(found), "fitted")["notes"]
    return notes


@pytest.mark.parametrize("kind", ["streams", "whole"])
def test_limits_come_back_exactly(kind: str, request: pytest.FixtureRequest) -> None:
    limits = _profile(request.getfixturevalue(kind)).limits
    assert (limits.rpm, limits.tpm, limits.window_s) == (4321, 3_210_000, 60.0)


@pytest.mark.parametrize("kind", ["streams", "whole"])
def test_failures_come_back_within_sampling_error(kind: str, request: pytest.FixtureRequest) -> None:
    found: Fit = request.getfixturevalue(kind)
    spoiled = {"stall": "hang_after_headers", "malformed_sse": "half_json"} if kind == "whole" else {}
    true = {
        "status_429": 0.02,
        "status_500": 0.01,
        "reset": 0.008,
        "hang": 0.006,
        "garbage": 0.005,
        spoiled.get("stall", "stall"): 0.004,
        spoiled.get("malformed_sse", "malformed_sse"): 0.003,
    }
    seen = {one.name: one for one in found.failures.requests}
    assert set(seen) == set(true)
    for name, chance in true.items():
        error = math.sqrt(chance * (1 - chance) / seen[name].among)
        assert abs(seen[name].probability - chance) < made.Z999 * error, name
        assert seen[name].low < seen[name].probability < seen[name].high
    assert seen["status_429"].settings == {"status": 429, "retry_after_s": 3.0}
    if kind == "streams":
        assert seen["stall"].settings == {"after_events": 5}


def test_slots_and_queue_come_back_exactly(knee: Fit) -> None:
    capacity = _profile(knee).capacity
    assert (capacity.slots, capacity.queue) == (40, 15)
    assert (capacity.overload_status, capacity.overload_retry_after_s) == (529, 2.0)
    assert capacity.slowdown == pytest.approx(0.4, rel=0.05)
    assert knee.failures.requests == ()


def test_waits_do_not_spoil_the_law_of_the_first_token(knee: Fit) -> None:
    profile = _profile(knee)
    seen = knee.observed.first_ms
    assert float(seen[knee.observed.streamed].mean()) > 1.5 * 430  # what it looks like with its waits
    assert profile.ttft.median_ms == pytest.approx(430, rel=0.05)
    _same(made.gap_of(profile), made.GAP)


def test_an_api_without_a_line_has_none(streams: Fit) -> None:
    assert streams.latency.slots is None
    assert streams.line is None
    assert "capacity" not in result(streams, laws(streams), "fitted")["profile"]


def test_slots_that_change_over_the_evening_are_followed(tmp_path: Path) -> None:
    background = 'background = [["19:30", 0.0], ["20:00", 0.5], ["20:30", 0.0]]\n'
    profile = made.KNEE.replace("queue = 15\n", "queue = 60\n" + background)
    evening = {"window": "19:30-20:30", "length": "240s", "peak_rps": 24}
    found = fit([read_run(made.play(tmp_path, profile, evening=evening))])
    capacity = _profile(found).capacity
    middle = min(capacity.background, key=lambda point: abs(point.minute - 20 * 60))
    assert capacity.slots * (1 - middle.fraction) == pytest.approx(20, abs=2)
    assert capacity.slots > 22


def test_what_happens_in_a_stretch_of_the_evening_is_written_so(tmp_path: Path) -> None:
    rule = '[[request_faults]]\naction = "status"\nstatus = 503\nretry_after_s = 3\nwindow = "20:03-20:07"\n'
    profile = made.HIDDEN.partition("[[request_faults]]")[0] + rule
    evening = {"window": "19:30-20:30", "length": "120s", "peak_rps": 30}
    found = fit([read_run(made.play(tmp_path, profile, evening=evening))])
    document = result(found, laws(found), "fitted")["profile"]
    assert [(r["status"], r["probability"], r["window"]) for r in document["request_faults"]] == [
        (503, 1.0, "20:03-20:07")
    ]
