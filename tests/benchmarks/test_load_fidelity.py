"""What the load benchmark's sections `fidelity` and `omission` compute, by hand; and that both end."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest

from tests.benchmarks.aimock import AbsentError
from tests.benchmarks.load import fidelity, fidelity_table, freezing, omission, percentiles, server_log
from tests.benchmarks.load.fidelity_table import Row
from tests.benchmarks.load.observer import Freeze, latencies_ns
from tests.benchmarks.load.percentiles import Percentile
from tests.benchmarks.load.section import Effort, SectionError

MS = 1_000_000
NS = 1_000_000_000
QUICK = Effort(rounds=1, seconds=3.0, quick=True)


def attempts(*rows: tuple[int, int, int, int], outcome: str = "ok") -> Any:
    """Of (call, attempt, sent in ms, ended in ms)."""
    columns = np.array(rows, np.int64).T
    return SimpleNamespace(
        call_id=columns[0],
        attempt=columns[1],
        sent_ns=columns[2] * MS,
        end_ns=columns[3] * MS,
        outcome=np.array([outcome] * len(rows)),
    )


def log(*rows: tuple[int, int, int, int]) -> list[dict[str, int]]:
    """Of (call, attempt, received in µs, finished in µs)."""
    names = ("call", "attempt", "received_us", "finished_us")
    return [dict(zip(names, row, strict=True)) for row in rows]


def test_attempts_meet_their_lines_of_the_log_in_any_order() -> None:
    joined = server_log.joined(
        attempts((7, 1, 100, 350), (7, 2, 400, 500), (8, 1, 0, 3002)),
        log((8, 1, 0, 3_000_500), (7, 2, 9_000, 108_000), (7, 1, 5_000, 254_250)),
    )

    assert joined.measured_ms.tolist() == [250.0, 100.0, 3002.0]
    assert joined.served_ms.tolist() == [249.25, 99.0, 3000.5]
    assert joined.overhead_ms.tolist() == [0.75, 1.0, 1.5]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (log((1, 1, 0, 9)), "2 attempts and 1 lines of the server's log: 1 have no line"),
        (log((1, 1, 0, 9), (2, 2, 0, 9)), "2 attempts and 2 lines of the server's log: 1 have no line"),
        (log((1, 1, 0, 9), (2, 1, 0, 9), (3, 1, 0, 9)), "2 attempts and 3 lines of the server's log: 0 have"),
        (log((1, 1, 0, 9), (1, 1, 0, 9)), "has call 1, attempt 1 twice"),
    ],
    ids=["missing", "another attempt", "one too many", "twice"],
)
def test_a_join_with_a_hole_is_no_join(lines: list[dict[str, int]], message: str) -> None:
    with pytest.raises(SectionError, match=message):
        server_log.joined(attempts((1, 1, 0, 1), (2, 1, 0, 1)), lines)


def test_failed_attempts_are_not_compared() -> None:
    with pytest.raises(SectionError, match="1 of 1 attempts did not end ok"):
        server_log.joined(attempts((1, 1, 0, 1), outcome="timeout"), log((1, 1, 0, 9)))


def test_the_rate_is_counted_in_gaps() -> None:
    # Five requests, four gaps of a quarter of a second.
    rows = log(*((call, 1, 250_000 * call, 10**9) for call in (3, 1, 0, 2, 4)))

    assert server_log.rate_per_s(rows) == 4.0


def test_a_log_that_is_missing_or_empty_is_named(tmp_path: Path) -> None:
    with pytest.raises(SectionError, match=r"requests\.jsonl: cannot be read"):
        server_log.read(tmp_path / "requests.jsonl")
    (tmp_path / "requests.jsonl").touch()
    with pytest.raises(SectionError, match=r"requests\.jsonl: the server saw no request"):
        server_log.read(tmp_path / "requests.jsonl")


def test_percentiles_may_be_off_by_a_millisecond_or_by_a_hundredth() -> None:
    assert Percentile("p50", 51.0, 50.0).within
    assert not Percentile("p50", 48.9, 50.0).within
    assert Percentile("p99", 3030.0, 3000.0).within
    assert not Percentile("p99", 3031.0, 3000.0).within
    cells = percentiles.cells([Percentile("p50", 250.5, 250.0), Percentile("p99", 2900.0, 3000.0)])
    assert cells == ["250.5 (+0.5)", "2900.0 (-100.0)*"]


def test_percentiles_are_compared_by_name() -> None:
    # 1 to 101: the quantile of q stands at position 100 q, counted from 0.
    served = np.arange(101, 0, -1).astype(np.float64)
    found = percentiles.compared({"p50": 51.5, "p95": 95.0, "p99": 103.0}, served, percentiles.USUAL)

    assert [(p.name, p.true_ms) for p in found] == [("p50", 51.0), ("p95", 96.0), ("p99", 100.0)]
    assert [p.off_ms for p in found] == [0.5, -1.0, 3.0]
    assert [p.within for p in found] == [True, True, False]


def test_only_ours_is_held_to_bounds_and_who_was_skipped_is_shown() -> None:
    row = Row("ours", 300.0, 3, 299.0, (Percentile("p50", 251.0, 250.0),), np.array([0.2, 0.4, 6.0]))
    peer = Row("peer", 300.0, 3, 299.0, (Percentile("p50", 270.0, 250.0),))
    rows = [row, peer, Row("absent", 300.0, skipped="it has no wheel for this Python")]

    # p99 of three samples: 0.4 + 0.98 * 5.6.
    assert [(c.figure, c.passed) for c in fidelity_table.checks(rows)] == [
        (0.4, True),
        (pytest.approx(5.888), False),
        (1.0, True),
    ]
    text = fidelity_table.text(rows)
    assert "270.0 (+20.0)*" in text
    assert "absent  skipped: it has no wheel for this Python" in text
    assert json.loads(json.dumps(fidelity_table.document(rows)))[1]["percentiles_ms"] == {
        "p50": {"told": 270.0, "true": 250.0}
    }


@pytest.mark.parametrize(
    ("arrival_ms", "latency_ms", "why"),
    [
        (900, 50, "answered before the freeze"),
        (949, 50, "its answer leaves a millisecond before"),
        (950, 1050, "due when it stops: sent when it goes on"),
        (980, 1020, "under way when it stops: its timer has run out when it goes on"),
        (1000, 1050, "arrives as it stops: read at the end, 1000 ms later, and served for 50"),
        (1500, 550, "arrives in the middle"),
        (1999, 51, "arrives a millisecond before it goes on"),
        (2000, 50, "arrives as it goes on"),
        (2500, 50, "arrives after"),
    ],
)
def test_an_ideal_observer_of_a_freeze_from_1_to_2_s(arrival_ms: int, latency_ms: int, why: str) -> None:
    found = latencies_ns(np.array([arrival_ms * MS]), 50 * MS, Freeze(1000 * MS, 2000 * MS))

    assert found.tolist() == [latency_ms * MS], why


def test_what_is_due_after_a_freeze_shorter_than_the_service_is_not_held_up() -> None:
    # At 990: due at 1040, after the freeze. At 1005: read at 1020, due at 1070.
    found = latencies_ns(np.array([990, 1005]) * MS, 50 * MS, Freeze(1000 * MS, 1020 * MS))

    assert found.tolist() == [50 * MS, 65 * MS]


def test_the_ideal_p99_of_a_hundred_a_second_for_a_minute() -> None:
    # Arrivals every 10 ms. From the top: those of 19,950 and 20,000 ms take 10,050 each, those of 19,960 and
    # 20,010 take 10,040, ... five such pairs; then, one by one, 10,000, 9,990, ... So the 60th is 9,510 and
    # the 61st 9,500. p99 of 6,000 stands at 0.99 * 5,999 = 5,939.01, a hundredth of the way between the two.
    arrivals_ns = np.arange(6_000) * 10 * MS

    found = omission.ideal_p99_ms(arrivals_ns, Freeze(20 * NS, 30 * NS))

    assert found == pytest.approx(9_500 + 0.01 * 10)


def test_too_low_is_said_in_times() -> None:
    rows = [omission.Row("open", 6000, 9500.0, 9510.0), omission.Row("closed", 6000, 51.0, 9510.0)]

    _, opened, closed = omission.table_of(rows).splitlines()

    assert opened.endswith(" -0.11%")
    assert closed.endswith(" 186 x too low")


@contextmanager
def sleeping() -> Iterator[psutil.Process]:
    """A process that does nothing."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        try:
            yield psutil.Process(process.pid)
        finally:
            process.kill()


def wait_until_stopped(process: psutil.Process, *, stopped: bool) -> None:
    """Or until it is so no more. Signals take a moment."""
    end_s = time.monotonic() + 10
    while (process.status() == psutil.STATUS_STOPPED) is not stopped:
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_a_process_stands_still_from_one_instant_to_the_other() -> None:
    with sleeping() as process:
        began_ns = time.time_ns()
        done = freezing.freeze(process, began_ns, Freeze(100 * MS, 300 * MS))
        took_ns = time.time_ns() - began_ns

    assert 100 * MS <= done.stop_ns < 300 * MS <= done.cont_ns <= took_ns


def test_a_process_that_is_gone_cannot_be_frozen() -> None:
    with sleeping() as process:
        pass
    with pytest.raises(SectionError, match="the server ended before"):
        freezing.freeze(process, time.time_ns(), Freeze(0, 1))


def test_an_interrupted_freeze_lets_the_process_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(seconds: float) -> None:
        if seconds > 0:  # the wait for the end of the freeze
            wait_until_stopped(process, stopped=True)
            raise KeyboardInterrupt

    monkeypatch.setattr(freezing, "time", SimpleNamespace(sleep=sleep, time_ns=time.time_ns))
    with sleeping() as process:
        with pytest.raises(KeyboardInterrupt):
            freezing.freeze(process, time.time_ns(), Freeze(0, 60 * NS))
        wait_until_stopped(process, stopped=False)


@pytest.mark.slow
def test_fidelity_comes_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the stalls, for which every run would wait; and without AIPerf, which may not be there."""

    def absent(port: int, seconds: float) -> dict[str, float]:
        del port, seconds
        raise AbsentError("not here")

    quick = tmp_path / "quick.toml"
    played = fidelity.PROFILE.read_text(encoding="utf-8")
    quick.write_text(played.replace("= 3000", "= 300"), encoding="utf-8")
    monkeypatch.setattr(fidelity, "PROFILE", quick)
    monkeypatch.setattr(fidelity, "QUICK_S", 3.0)
    monkeypatch.setattr(fidelity, "RATES", fidelity.RATES[1:])
    monkeypatch.setattr(fidelity, "_aiperf", absent)

    result = fidelity.measure(QUICK, lambda _: None)

    assert len(result.checks) == 7
    assert result.table.count("skipped: not here") == 1
    rows = json.loads(json.dumps(result.figures))["rows"]
    assert [row.get("requests", 0) > 20 for row in rows] == [True, True, False]


@pytest.mark.slow
def test_omission_comes_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(omission, "QUICK", omission.Plan(1.0, Freeze(4 * NS // 10, 6 * NS // 10)))

    result = omission.measure(QUICK, lambda _: None)

    assert len(result.checks) == 1
    rows = json.loads(json.dumps(result.figures))["rows"]
    assert len(rows) == 3
    assert all(row["calls"] > 5 and row["ideal_p99_ms"] > 50 for row in rows)
