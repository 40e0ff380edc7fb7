"""The sections `throughput` and `streaming` of the load benchmark. No figure of this machine is asserted."""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from reports.reading.run import Attempts, Ints, Lists
from tests.benchmarks.aimock import AbsentError
from tests.benchmarks.load import aiperf, callers, commands, endpoints_client, streaming, throughput, turns
from tests.benchmarks.load.burst_server import BURST, EVENTS, bursts
from tests.benchmarks.load.callers import FAST, OURS, ROOFLINE, USUAL
from tests.benchmarks.load.section import Effort, SectionError
from tests.benchmarks.load.servers import bursting, zero
from tests.benchmarks.load.turns import Peer, Row, Turn
from tests.benchmarks.load.window import per_s_in_the_middle

#: Hardly more than the margins.
SHORT_S = 2.05

EXPORT: dict[str, Any] = {
    "request_throughput": {"unit": "requests/sec", "avg": 52.5},
    "request_count": {"unit": "requests", "avg": 210.0},
    "benchmark_duration": {"unit": "sec", "avg": 4.0},
}
STREAMED = EXPORT | {
    "time_to_first_token": {"unit": "ms", "avg": 123.2, "p50": 89.5, "p99": 346.25},
    "inter_chunk_latency": {"unit": "ms", "avg": 0.07, "count": 210 * 499},
}


class StreamsOnly(SimpleNamespace):
    """The columns of Attempts that matter here."""

    def __len__(self) -> int:
        return len(self.sent_ns)


def absent(host: str, seconds: float) -> Turn:
    raise AbsentError("it is elsewhere")


def attempts(stamps: Ints) -> Attempts:
    """Two streams, sent at 1 and ended at 9; the first has all its stamps."""
    at = {"sent_ns": np.array([1, 1]), "end_ns": np.array([9, 9]), "outcome": np.array(["ok", "ok"])}
    lists = Lists(stamps, np.array([0, EVENTS, len(stamps)]))
    return cast("Attempts", StreamsOnly(output_ns=lists, **at))


def row(name: str, *per_s: float) -> Row:
    return Row(name, None, [Turn(rate, 1000) for rate in per_s], [0.5 for _ in per_s])


def rows_of(ours: float) -> dict[str, Row]:
    rates = {OURS: ours, FAST: 100.0, USUAL: 25.0, aiperf.NAME: 10.0, endpoints_client.NAME: 120.0}
    return {name: row(name, rate) for name, rate in (rates | {ROOFLINE: 1000.0}).items()}


def test_what_ends_in_the_first_or_last_second_is_not_counted() -> None:
    at_s = np.array([0.0, 0.999, 1.0, 2.5, 3.999, 4.0, 4.9])

    assert per_s_in_the_middle((at_s * 1e9).astype(np.int64), 5.0) == 1.0  # 3 in 3 seconds


def test_a_turn_without_a_middle_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^a turn of 2 s: expected more than 2 s$"):
        per_s_in_the_middle(np.zeros(1, np.int64), 2.0)


@pytest.mark.parametrize(
    ("ours", "passed"), [(149.0, [False, False, False]), (150.0, [True, True, True]), (149.9, [False] * 3)]
)
def test_the_bounds_are_those_of_the_acceptance(ours: float, passed: list[bool]) -> None:
    # 150 is 1.5 times 100, 6 times 25, and 15 times 10.
    assert [check.passed for check in throughput.checks(rows_of(ours))] == passed


@pytest.mark.parametrize(("ours", "met"), [(199.0, "not met: 1.99"), (200.0, "met: 2.00")])
def test_a_remark_tells_of_the_stretch_and_of_the_roofline(ours: float, met: str) -> None:
    stretch, by_round, roofline, *busy = throughput.remarks(rows_of(ours))

    assert stretch.endswith(f" is {met}")
    assert by_round == f"round by round, ours to {FAST}: {ours / 100:.2f} to {ours / 100:.2f} times"
    assert roofline.startswith("ours is 20% of")
    assert [line.startswith("the server was busy 50% of the time with ") for line in busy] == [True, True]


def test_medians_of_the_rounds_are_compared() -> None:
    rows = {OURS: row(OURS, 10.0, 90.0, 40.0), FAST: row(FAST, 20.0, 1.0, 99.0)}

    assert turns.times(rows, OURS, FAST) == 2.0
    assert "10 - 90" in turns.table(rows, "calls/s", [("x FastHttp", FAST)])


def test_a_peer_that_is_missing_has_no_figures_and_no_verdict() -> None:
    rows = rows_of(1e6)
    rows[aiperf.NAME] = Row(aiperf.NAME, "pip could not install it")

    lines = [check.line.split()[0] for check in throughput.checks(rows)]
    assert lines == ["PASS", "PASS", "SKIPPED"]
    assert "skipped: pip could not install it" in turns.table(rows, "calls/s", [("x AIPerf", aiperf.NAME)])
    machine = turns.document(rows, [aiperf.NAME])
    assert machine[3] == {"name": aiperf.NAME, "skipped": "pip could not install it"}
    assert machine[0]["times"] == {aiperf.NAME: None}


def test_the_bound_of_the_streams_is_that_of_the_acceptance() -> None:
    for per_s, passed in ((99_999.0, False), (100_000.0, True)):
        assert [c.passed for c in streaming.checks({streaming.OURS: row(streaming.OURS, per_s)})] == [passed]


@pytest.mark.parametrize(
    ("stamps", "message"),
    [
        ([5] * EVENTS + [5] * (EVENTS - 1), r"1 of 2 streams do not have 500 stamps$"),
        ([5] * EVENTS + [6, *[5] * (EVENTS - 1)], r"some stamps are before the one before them$"),
        ([5] * EVENTS + [0, *[5] * (EVENTS - 1)], r"some stamps are not within their attempt$"),
        ([5] * EVENTS + [*[5] * (EVENTS - 1), 10], r"some stamps are not within their attempt$"),
    ],
    ids=["one too few", "backwards", "before it was sent", "after its end"],
)
def test_stamps_that_cannot_be_are_refused(stamps: list[int], message: str) -> None:
    sound = np.full(2 * EVENTS, 5)
    streaming.check_stamps(attempts(sound))

    with pytest.raises(SectionError, match=message):
        streaming.check_stamps(attempts(np.array(stamps)))


def test_an_export_of_aiperf_is_read() -> None:
    whole = aiperf.read_export(EXPORT | {"error_request_count": {"avg": 3.0}})
    assert (whole.requests, whole.errors, whole.requests_per_s) == (210, 3, 52.5)
    assert (whole.chunks, whole.ttft_ms) == (0, None)

    streamed = aiperf.read_export(STREAMED)
    assert (streamed.errors, streamed.chunks, streamed.ttft_ms) == (0, 210 * 500, (89.5, 346.25))
    assert streamed.chunks_per_s == 210 * 500 / 4.0


def test_aiperf_that_cannot_be_installed_or_run_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(command: list[str], **_: object) -> str:
        raise SectionError("python ended with 1: ERROR: No matching distribution found\nbye")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(aiperf, "run", refuse)
    why = r"ERROR: No matching distribution found$"
    with pytest.raises(AbsentError, match=r"^pip could not install aiperf==[\d.]+: .*" + why):
        aiperf.executable()

    program = aiperf.folder() / "bin" / "aiperf"
    program.parent.mkdir(parents=True)
    program.touch()
    with pytest.raises(AbsentError, match=r"^AIPerf [\d.]+ does not run here: .*" + why):
        aiperf.profile("http://127.0.0.1:1", seconds=1.0)


def test_the_endpoints_client_is_skipped_with_what_is_known_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(
        AbsentError, match=r"^no inference-endpoint in PATH .*; 1\.6 times Locust FastHttpUser "
    ):
        endpoints_client.turn("http://127.0.0.1:1", 1.0, users=1)


def test_a_program_that_fails_is_named_with_what_it_said() -> None:
    bad = [sys.executable, "-c", "import sys; print('no'); sys.exit('an Error\\nand the rest')"]
    with pytest.raises(SectionError, match=r"ended with 1: an Error") as caught:
        commands.run(bad, within_s=10)

    assert commands.reason(caught.value).endswith("an Error")
    assert commands.run([*bad[:2], "print('yes')"], within_s=10) == "yes\n"


def test_a_program_that_hangs_is_stopped() -> None:
    with pytest.raises(SectionError, match=r"did not end within 0\.2 s$"):
        commands.run([sys.executable, "-c", "import time; time.sleep(60)"], within_s=0.2)


def test_bursts_are_the_reply_of_the_api_an_event_a_chunk() -> None:
    assert [burst.count(b'"delta":{"content":') for burst in bursts()] == [BURST] * (EVENTS // BURST)
    with bursting(()) as server:
        request = urllib.request.Request(f"http://127.0.0.1:{server.port}/v1/chat/completions", data=b"{}")
        with urllib.request.urlopen(request) as response:
            events = [line[6:] for line in response.read().decode().splitlines() if line.startswith("data: ")]

    assert events.pop() == "[DONE]"
    documents = [json.loads(event) for event in events]
    assert len(documents) == 1 + EVENTS + 2
    assert documents[-1]["usage"]["completion_tokens"] == EVENTS
    assert documents[-2]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.timeout(60)
def test_throughput_runs_from_end_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    here = (OURS, ROOFLINE)
    peers = tuple(peer if peer.name in here else Peer(peer.name, absent) for peer in callers.PEERS)
    monkeypatch.setattr(throughput, "PEERS", peers)
    said: list[str] = []

    result = throughput.measure(Effort(1, SHORT_S, quick=True), said.append)

    assert said == [f"throughput: round 1 of 1: {peer.name}" for peer in peers]
    assert [check.line.split()[0] for check in result.checks] == ["SKIPPED"] * 3
    found = {line["name"]: line for line in json.loads(json.dumps(result.figures))["rows"]}
    assert all(found[name]["per_s"] > 0 for name in here)
    assert sum("skipped: it is elsewhere" in line for line in result.table.splitlines()) == len(peers) - 2


@pytest.mark.timeout(60)
def test_streaming_runs_from_end_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "PEERS", (streaming.PEERS[0], Peer(aiperf.NAME, absent)))

    result = streaming.measure(Effort(1, SHORT_S, quick=True), lambda _: None)

    ours, other = result.figures["rows"]
    assert ours["per_s"] > 0
    assert other == {"name": aiperf.NAME, "skipped": "it is elsewhere"}
    assert len(result.checks) == 1


@pytest.mark.timeout(60)
def test_locusts_own_users_call_and_are_counted() -> None:
    fast = next(peer for peer in callers.PEERS if peer.name == FAST)
    with zero(()) as server:
        turn = fast.turn(f"http://127.0.0.1:{server.port}", SHORT_S)

    assert turn.per_s > 0
    assert turn.served > 0
