"""What requests ran into, on runs of two hundred calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.model import Attempt, Call, Fault, Outcome, StoppedBy
from tests.reports import runs
from tests.reports.findings import made

KINDS = (
    ("rate_limited", Outcome.THROTTLED, Fault.STATUS),
    ("server_overloaded", Outcome.OVERLOADED, Fault.STATUS),
    ("server_errors", Outcome.TRANSIENT, Fault.STATUS),
    ("no_connection", Outcome.TRANSIENT, Fault.CONNECT),
    ("no_connection", Outcome.TIMEOUT, Fault.CONNECT_TIMEOUT),
    ("connections_broke", Outcome.TRANSIENT, Fault.READ),
    ("connections_broke", Outcome.TRANSIENT, Fault.PROTOCOL),
    ("no_answer", Outcome.TIMEOUT, Fault.ATTEMPT_TIMEOUT),
    ("no_answer", Outcome.TIMEOUT, Fault.READ_TIMEOUT),
    ("no_answer", Outcome.TIMEOUT, Fault.FIRST_TOKEN_TIMEOUT),
    ("streams_broke", Outcome.PARTIAL, Fault.STREAM),
    ("bad_replies", Outcome.MALFORMED, Fault.BODY),
    ("own_pool", Outcome.LOCAL, Fault.POOL),
    ("budget_held", Outcome.LOCAL, Fault.NONE),
)


def failed(call_id: int, due_ms: float, outcome: Outcome, fault: Fault) -> tuple[Call, list[Attempt]]:
    call = runs.call(call_id, due_ms, due_ms + 100, outcome, stopped_by=StoppedBy.ATTEMPTS, detail=str(fault))
    return call, [runs.attempt(call_id, 1, due_ms, due_ms + 100, outcome, fault=fault)]


def rescued(call_id: int, due_ms: float, outcome: Outcome, fault: Fault) -> tuple[Call, list[Attempt]]:
    """Failed once, and served 1.1 s after it was due."""
    call = runs.call(call_id, due_ms, due_ms + 1100, attempts=2, backoff_ms=500)
    first = runs.attempt(call_id, 1, due_ms, due_ms + 100, outcome, fault=fault)
    return call, [first, runs.attempt(call_id, 2, due_ms + 600, due_ms + 1100)]


def with_some(count: int, how: object, outcome: Outcome, fault: Fault) -> list[tuple[Call, list[Attempt]]]:
    """Two hundred calls, every so-manieth of which is another."""
    each = 200 // count
    assert callable(how)
    return [how(n, n * 100.0, outcome, fault) if n % each == 0 else made.ok(n, n * 100.0) for n in range(200)]


@pytest.mark.parametrize(("key", "outcome", "fault"), KINDS)
def test_each_kind_of_end_is_told_by_its_name(
    tmp_path: Path, key: str, outcome: Outcome, fault: Fault
) -> None:
    found = made.found(made.write(tmp_path, with_some(10, failed, outcome, fault)))
    problems = {name for name, f in found.items() if f["severity"] == "problem"}
    assert problems == {"calls_lost", key}
    assert found[key]["text"].startswith("5.0 % of requests ")
    assert found[key]["text"].endswith("and 10 calls ended so.")
    assert found[key]["evidence"][:2] == ["5.0 % of 200 requests of the run", "5.0 % of 200 calls ended so"]


def test_a_rescued_request_in_two_hundred_is_a_note(tmp_path: Path) -> None:
    one = with_some(1, rescued, Outcome.TRANSIENT, Fault.READ)
    found = made.found(made.write(tmp_path, one))
    assert found["connections_broke"]["severity"] == "note"
    assert found["connections_broke"]["text"].endswith("; no call was lost by it.")
    assert found["nothing_wrong"]["severity"] == "good"


def test_one_in_two_hundred_is_a_problem_where_the_call_was_lost(tmp_path: Path) -> None:
    one = with_some(1, failed, Outcome.TRANSIENT, Fault.READ)
    assert made.problems(made.write(tmp_path, one)) == {"connections_broke"}


def test_a_burst_is_told_with_its_time_and_its_share_then(tmp_path: Path) -> None:
    # Bins of two seconds. From 4 to 6 s twenty calls send their first request, and the ten that were refused
    # send another: 10 of 30 are refused, 20 answered, in two seconds.
    burst = [
        rescued(n, n * 100.0, Outcome.THROTTLED, Fault.STATUS) if 40 <= n < 50 else made.ok(n, n * 100.0)
        for n in range(200)
    ]
    text = made.found(made.write(tmp_path, burst))["rate_limited"]
    assert text["text"].startswith("4–6 s: 33 % of requests were refused as too many (429)")
    assert "after a 429 the next attempt came 500 ms later on average" in text["evidence"]
    assert "then 900 requests a minute were sent, and 600 were answered" in text["evidence"]


def test_a_client_that_keeps_no_connection_is_told_so(tmp_path: Path) -> None:
    folder = made.write(tmp_path, with_some(10, failed, Outcome.TRANSIENT, Fault.CONNECT))
    assert "opens a new connection" not in made.found(folder)["no_connection"]["text"]
    made.policy(folder, connections={"reuse": False})
    assert "(the client opens a new connection for each)" in made.found(folder)["no_connection"]["text"]


def test_a_refusal_for_good_is_quoted(tmp_path: Path) -> None:
    bad = list(made.every(199, 100))
    call = runs.call(199, 19_900, 19_950, Outcome.FATAL, stopped_by=StoppedBy.FATAL, detail="no such model")
    bad.append((call, [runs.attempt(199, 1, 19_900, 19_950, Outcome.FATAL, fault=Fault.STATUS)]))
    found = made.found(made.write(tmp_path, bad))
    assert found["refused_for_good"]["text"] == (
        "1 request was refused for good, which no retry can help: “no such model”."
    )
    assert found["refused_for_good"]["severity"] == "problem"
