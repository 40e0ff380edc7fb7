"""Where the time of requests went."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reports import runs
from tests.reports.findings import made


def test_time_that_is_not_the_servers_is_the_networks(tmp_path: Path) -> None:
    folder = made.write(tmp_path, made.every(200, took_ms=500))
    made.log(folder, [(n, 1, 300_000) for n in range(200)])  # 200 of 500 ms were on the way
    found = made.found(folder)["slow_network"]
    assert found["text"] == (
        "The way to the server was slow: of the 500 ms that a request took, 200 ms (40 %) were not the"
        " server's, but a connection's or the way's there and back."
    )
    assert "by the server's own log: 300 ms from request to reply's end" in found["evidence"]
    assert "100 % of 200 ok requests were found in it" in found["evidence"]


@pytest.mark.parametrize(
    ("took_ms", "spent_us"),
    [(500, 360_000), (2000, 1_800_000)],
    ids=["140 ms are no slow way", "a tenth of the time is not what is slow"],
)
def test_a_usual_way_is_not_told(tmp_path: Path, took_ms: int, spent_us: int) -> None:
    folder = made.write(tmp_path, made.every(200, took_ms=took_ms))
    made.log(folder, [(n, 1, spent_us) for n in range(200)])
    assert made.problems(folder) == set()


def test_without_a_log_or_with_anothers_nothing_is_said(tmp_path: Path) -> None:
    folder = made.write(tmp_path, made.every(200))
    assert "slow_network" not in made.found(folder)
    made.log(folder, [(n + 1000, 1, 1000) for n in range(200)])
    assert "slow_network" not in made.found(folder)


def test_requests_that_never_arrived_and_lines_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    folder = made.write(tmp_path, made.every(200))
    made.log(folder, [(n, 1, 100_000) for n in range(190)], tail='{"call": 190, "att')
    evidence = made.found(folder)["slow_network"]["evidence"]
    assert "5.0 % of 200 requests never reached it" in evidence
    assert "1 line of the log could not be read" in evidence


def crowd(slow_ms: float) -> list[tuple[object, list[object]]]:
    """A hundred calls 100 ms apart that take 500 ms (five on the wire), then 200 due 25 ms apart."""
    quiet = made.every(100, 100, 500)
    busy = [made.ok(100 + n, 10_000 + 25 * n, slow_ms) for n in range(200)]
    return [*quiet, *busy]


def test_replies_that_slow_down_with_the_crowd_are_a_knee(tmp_path: Path) -> None:
    found = made.found(made.write(tmp_path, crowd(2000)))
    text = found["server_knee"]["text"]
    # 25 ms apart and two seconds each: 80 on the wire once the first have ended. The first two of them meet
    # the last four quiet ones: (100 * 500 + 2 * 2000) / 102 = 529 ms.
    assert text.startswith(
        "Replies slowed down as requests piled up: 529 ms with 5 on the wire, 2.00 s with 80."
    )


def test_where_the_log_tells_a_crowd_on_the_way_is_no_knee_of_the_server(tmp_path: Path) -> None:
    folder = made.write(tmp_path, crowd(2000))
    made.log(folder, [(n, 1, 400_000) for n in range(300)])
    found = made.found(folder)
    assert "server_knee" not in found
    assert "slow_network" in found
    made.log(folder, [(n, 1, 400_000 if n < 100 else 1_900_000) for n in range(300)])
    assert "times are the server's own, by its log" in made.found(folder)["server_knee"]["evidence"]


def test_a_client_that_opens_connections_may_wait_for_those(tmp_path: Path) -> None:
    folder = made.write(tmp_path, crowd(2000))
    assert "connections" not in made.found(folder)["server_knee"]["text"]
    made.policy(folder, connections={"reuse": False})
    assert made.found(folder)["server_knee"]["text"].endswith(
        "or short of connections (the client opens a new one for each)."
    )


@pytest.mark.parametrize("slow_ms", [500, 700], ids=["as fast as ever", "less than half as long again"])
def test_a_crowd_that_is_served_as_fast_is_no_knee(tmp_path: Path, slow_ms: float) -> None:
    assert "server_knee" not in made.found(made.write(tmp_path, crowd(slow_ms)))


def test_few_requests_are_no_crowd(tmp_path: Path) -> None:
    slow = [made.ok(n, n * 400, 500 if n < 60 else 2400) for n in range(120)]  # two on the wire, then six
    assert "server_knee" not in made.found(made.write(tmp_path, slow, window_s=48))


def test_a_run_of_no_request_has_no_server_to_judge(tmp_path: Path) -> None:
    calls = [(runs.call(n, n, n + 5, attempts=0), []) for n in range(150)]
    assert "server_knee" not in made.found(made.write(tmp_path, calls))
