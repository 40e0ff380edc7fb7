"""What a run came to for its customers."""

from __future__ import annotations

from pathlib import Path

from harness.model import Fault, Outcome, StoppedBy
from tests.reports import runs
from tests.reports.findings import made


def lost(call_id: int, due_ms: float, kind: str = "hashtags") -> made.Made:
    call = runs.call(
        call_id, due_ms, due_ms + 100, Outcome.TRANSIENT, stopped_by=StoppedBy.ATTEMPTS, kind=kind
    )
    return call, [runs.attempt(call_id, 1, due_ms, due_ms + 100, Outcome.TRANSIENT, fault=Fault.READ)]


def test_lost_calls_are_told_by_how_and_when(tmp_path: Path) -> None:
    # Of 200 calls those due from 4 to 8 s: 30 fail, and 10 come after 16 s, where 15 s are asked for.
    calls = [
        lost(n, n * 100) if 40 <= n < 70 else made.ok(n, n * 100, 16_000 if 70 <= n < 80 else 500)
        for n in range(200)
    ]
    found = made.found(made.write(tmp_path, calls))["calls_lost"]
    assert found["text"] == (
        "20 % of 200 calls were not served in time: 15 % failed and 5.0 % came too late. Worst 4–8 s: 100 %."
    )
    assert found["severity"] == "problem"
    assert "30 calls ended `transient`" in found["evidence"]
    assert any(line.startswith("10 calls ok, but too late") for line in found["evidence"])


def test_one_call_in_a_hundred_is_no_problem(tmp_path: Path) -> None:
    one = [lost(n, n * 100) if n == 7 else made.ok(n, n * 100) for n in range(100)]
    assert "calls_lost" not in made.found(made.write(tmp_path / "one", one))
    two = [lost(n, n * 100) if n in (7, 70) else made.ok(n, n * 100) for n in range(100)]
    assert "calls_lost" in made.found(made.write(tmp_path / "two", two))


def test_a_kind_that_fares_worse_is_named(tmp_path: Path) -> None:
    kinds = [
        lost(n, n * 100, "script")
        if n % 8 == 0
        else made.ok(n, n * 100, kind="script" if n % 4 == 0 else "tags")
        for n in range(400)
    ]
    found = made.found(made.write(tmp_path, kinds, window_s=40))["kind_worse"]
    # A quarter of the calls ask for scripts: every second of the hundred is lost, none of the others.
    assert found["text"] == (
        "The kind script fared worse than the others: 50 % of its calls were served in time, 100 % of"
        " the rest."
    )


def test_a_few_of_a_kind_prove_nothing(tmp_path: Path) -> None:
    kinds = [
        lost(n, n * 100, "script")
        if n % 16 == 0
        else made.ok(n, n * 100, kind="script" if n % 8 == 0 else "tags")
        for n in range(392)  # 49 scripts
    ]
    assert "kind_worse" not in made.found(made.write(tmp_path, kinds, window_s=40))


def test_tokens_of_replies_to_lost_calls_are_wasted(tmp_path: Path) -> None:
    calls = []
    for n in range(100):
        outcome = Outcome.DEADLINE if n < 4 else Outcome.OK
        call = runs.call(n, n * 100, n * 100 + 400, outcome, stopped_by=StoppedBy.DEADLINE if n < 4 else None)
        calls.append((call, [runs.attempt(n, 1, n * 100, n * 100 + 400, tokens=(60, 40))]))
    found = made.found(made.write(tmp_path, calls))["tokens_wasted"]
    assert found["text"] == "4.0 % of the tokens were wasted: on replies to calls that failed all the same."
    assert found["evidence"] == ["4.0 % of 10,000 tokens"]


def test_a_sound_run_says_so_and_names_the_bounds_that_never_bit(tmp_path: Path) -> None:
    folder = made.write(tmp_path, made.every(200))
    (found,) = made.found(folder).values()
    assert (found["key"], found["severity"]) == ("nothing_wrong", "good")
    assert found["text"] == (
        "Nothing went wrong: 100 % of 200 calls were served in time; call latency p95 500 ms. Permits and"
        " the breaker never had to hold anything back."
    )
    assert "at most 5 of 40 permits were in use at once" in found["evidence"]
    made.policy(folder, concurrency={"kind": "off"}, breaker={"kind": "off"})
    runs.rewrite_manifest(folder, policy={**made.told(folder), "per_worker": {}})
    (found,) = made.found(folder).values()
    assert found["text"].endswith("call latency p95 500 ms.")


def test_bounds_that_never_bit_are_a_note_beside_a_problem(tmp_path: Path) -> None:
    bad = [lost(n, n * 100) if n % 10 == 0 else made.ok(n, n * 100) for n in range(200)]
    found = made.found(made.write(tmp_path, bad))["never_the_limit"]
    assert (found["severity"], found["text"]) == ("note", "Permits and the breaker were never the limit.")
