"""What the client's own bounds did: permits, rate, breaker, retries, deadlines."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness.model import Fault, Outcome, StoppedBy
from reports.findings import bounds, breakers, permits
from reports.findings.facts import Facts
from tests.reports import runs
from tests.reports.findings import made

Made = made.Made


def waiting(call_id: int, due_ms: float, wait_ms: float, took_ms: float = 500) -> Made:
    """A call that waited for its permit."""
    sent_ms, end_ms = due_ms + wait_ms, due_ms + wait_ms + took_ms
    call = runs.call(call_id, due_ms, end_ms, permit_wait_ms=wait_ms)
    return call, [runs.attempt(call_id, 1, sent_ms, end_ms)]


def turned_away(call_id: int, due_ms: float, by: StoppedBy = StoppedBy.ADMISSION) -> Made:
    return runs.call(call_id, due_ms, due_ms, Outcome.REJECTED, attempts=0, stopped_by=by), []


def narrow() -> list[Made]:
    """Two permits, replies of 500 ms, a call each 250 ms; from the 40th on each waits 250 ms for a permit."""
    return [waiting(n, n * 250, 0.0 if n < 40 else 250.0) for n in range(160)]


def test_permits_that_are_used_up_before_a_free_api_are_too_few(tmp_path: Path) -> None:
    found = made.found(made.write(tmp_path, narrow(), window_s=40, limit=2))
    assert made.problems(tmp_path) == {"limits_low"}
    # 120 of 160 calls waited; from 10 s to 40 s of the run, which is under 80 % of it.
    assert found["limits_low"]["text"] == (
        "10–40 s: permits were the limit while the API had room: all 2 were in use; 75 % of calls"
        " waited to be sent, 250 ms on average."
    )
    # While the first two of them wait, only one is: 1 - 2 / 120 / 2.
    assert "99 % of the permits were in use while calls waited" in found["limits_low"]["evidence"]


def test_permits_that_are_used_up_before_a_slow_api_are_not(tmp_path: Path) -> None:
    slow = [waiting(n, n * 250, 0.0) if n < 40 else waiting(n, n * 250, 250.0, 1500) for n in range(160)]
    found = made.found(made.write(tmp_path, slow, window_s=40, limit=6))
    assert "limits_low" not in found
    assert found["permits_bound"]["severity"] == "note"
    # The first three of the slow ones are sent with two on the wire or fewer, as the quiet ones are:
    # 1500 / ((40 * 500 + 3 * 1500) / 43) = 2.6.
    assert "a reply took 2.6 times as long as in quiet" in found["permits_bound"]["text"]


def test_calls_that_wait_while_permits_are_free_wait_for_a_rate(tmp_path: Path) -> None:
    folder = made.write(tmp_path, narrow(), window_s=40, limit=20)
    assert "(its headers told what was left)" in made.found(folder)["rate_waits"]["text"]
    made.policy(folder, rate={"rpm": 240, "tpm": None})
    found = made.found(folder)
    assert "own rate limit (rpm = 240) was the limit" in found["own_rate"]["text"]
    assert "then 240 requests a minute were sent that came out ok" in found["own_rate"]["evidence"]
    assert not {"rate_waits", "limits_low", "permits_bound"} & set(found)


def test_permits_that_a_breaker_gives_back_are_its_doing(tmp_path: Path) -> None:
    few = [runs.Note(0, "limit", 2.0)]
    folder = made.write(tmp_path, narrow(), window_s=40, limit=20, notes=few)
    found = made.found(folder)
    assert found["permits_ramp"]["severity"] == "note"
    assert "after the breaker had closed (2)" in found["permits_ramp"]["text"]
    assert not {"rate_waits", "limits_low", "permits_bound"} & set(found)


def test_calls_at_a_full_door_are_counted(tmp_path: Path) -> None:
    full = [turned_away(n, n * 250) if n >= 120 else call for n, call in enumerate(narrow())]
    text = made.found(made.write(tmp_path, full, window_s=40, limit=2))["limits_low"]["text"]
    assert text.endswith(
        "50 % of calls waited to be sent, 250 ms on average, and 25 % of calls were turned away."
    )


def test_calls_turned_away_alone_tell_of_no_rate(tmp_path: Path) -> None:
    away = [turned_away(n, n * 100) if 100 <= n < 150 else made.ok(n, n * 100) for n in range(200)]
    found = made.found(made.write(tmp_path, away))
    assert "rate_waits" not in found
    assert found["held_up"]["text"].endswith(
        "25 % of calls were turned away, for permits or for a rate limit."
    )
    paused = made.write(tmp_path / "paused", away, notes=[runs.Note(9_900, "pause", 5.0)])
    assert "(its 429s told when to come back)" in made.found(paused)["rate_waits"]["text"]


def test_calls_held_up_in_the_drain_are_nothing_of_the_run(tmp_path: Path) -> None:
    late = [waiting(n, 21_000 + n, 500.0) if n >= 190 else made.ok(n, n * 100) for n in range(200)]
    assert not {"rate_waits", "limits_low", "held_up"} & set(made.found(made.write(tmp_path / "some", late)))
    late = [waiting(n, 21_000 + n, 500.0) for n in range(200)]
    assert "rate_waits" not in made.found(made.write(tmp_path / "all", late))


def broken(call_id: int, due_ms: float, outcome: Outcome = Outcome.TRANSIENT) -> Made:
    """A call whose one attempt failed."""
    fault = Fault.STATUS
    call = runs.call(call_id, due_ms, due_ms + 100, outcome, stopped_by=StoppedBy.ATTEMPTS)
    return call, [runs.attempt(call_id, 1, due_ms, due_ms + 100, outcome, fault=fault)]


def tripped(failing: int, outcome: Outcome = Outcome.TRANSIENT) -> list[Made]:
    """A call each 100 ms; of those due from 5 to 10 s every so-manieth fails; shut out from 10 to 12 s."""
    return [
        turned_away(n, n * 100, StoppedBy.BREAKER)
        if 100 <= n < 120
        else broken(n, n * 100, outcome)
        if 50 <= n < 100 and n % 10 < failing
        else made.ok(n, n * 100, 100)
        for n in range(200)
    ]


OPENED = ((10.0, "closed", "open"), (12.0, "open", "closed"))


def test_a_breaker_that_opens_while_most_is_answered_is_too_eager(tmp_path: Path) -> None:
    found = made.found(made.write(tmp_path, tripped(4), breaker=OPENED))
    # In the ten seconds before it opened a hundred requests ended; of fifty, two in five failed: 20 of 100.
    assert found["breaker_eager"]["text"] == (
        "The breaker was too eager: it opened once although 80 % of the requests in the ten seconds before"
        " were answered. It was open 10–12 s (10 % of the time), and shut out 10 % of calls."
    )
    assert "open for 2 s" in found["breaker_eager"]["evidence"]
    assert "breaker_opened" not in found


def test_a_breaker_that_opens_for_cause_is_told_so(tmp_path: Path) -> None:
    found = made.found(made.write(tmp_path, tripped(9), breaker=OPENED))
    assert found["breaker_opened"]["text"].startswith(
        "The breaker opened once, for cause: 45 % of the requests"
    )
    assert found["breaker_opened"]["severity"] == "problem"  # one call in ten
    assert "breaker_eager" not in found


@pytest.mark.parametrize(
    ("counts", "key"), [(["throttled"], "breaker_eager"), (["transient"], "breaker_opened")]
)
def test_a_breaker_that_counts_429s_is_too_eager(tmp_path: Path, counts: list[str], key: str) -> None:
    folder = made.write(tmp_path, tripped(9, Outcome.THROTTLED), breaker=OPENED)
    made.policy(folder, breaker={"counts": counts})
    found = made.found(folder)
    assert {"breaker_eager", "breaker_opened"} & set(found) == {key}
    if key == "breaker_eager":
        assert (
            "on 429s, which are answers of an API that is up: they were 100 % of the failures"
            in found[key]["text"]
        )


def test_an_eager_breaker_that_cost_next_to_nothing_did_not_open_for_cause(tmp_path: Path) -> None:
    calls = [call if not 100 <= n < 120 else made.ok(n, n * 100, 100) for n, call in enumerate(tripped(4))]
    found = made.found(made.write(tmp_path, calls, breaker=OPENED))
    assert "breaker_eager" not in found
    assert found["breaker_opened"]["text"] == (
        "The breaker opened once although 80 % of the requests in the ten seconds before were answered. It"
        " was open 10–12 s (10 % of the time), and no call was shut out."
    )


def test_a_breaker_that_opens_after_nothing_at_all_has_no_cause_that_is_known(tmp_path: Path) -> None:
    silent = [made.ok(n, n * 100, 20_000 if n < 100 else 100) for n in range(200)]
    found = made.found(made.write(tmp_path, silent, breaker=[(9.0, "closed", "open")]))["breaker_opened"]
    assert found["text"].startswith(
        "The breaker opened once; no request had ended in the ten seconds before."
    )
    assert not any(line.startswith("before it opened") for line in found["evidence"])


def test_a_breaker_that_opens_in_the_drain_is_nothing_of_the_run(tmp_path: Path) -> None:
    found = made.found(made.write(tmp_path, made.every(200), breaker=[(20.5, "closed", "open")]))
    assert not {"breaker_eager", "breaker_opened"} & set(found)


def again(call_id: int, due_ms: float, tries: int, last: Outcome) -> Made:
    """A call whose attempts take 100 ms, 400 ms apart; all but the last are 503."""
    attempts = [
        runs.attempt(
            call_id,
            number,
            due_ms + 500 * (number - 1),
            due_ms + 500 * (number - 1) + 100,
            last if number == tries else Outcome.OVERLOADED,
        )
        for number in range(1, tries + 1)
    ]
    stopped = None if last is Outcome.OK else StoppedBy.ATTEMPTS
    end_ms = due_ms + 500 * (tries - 1) + 100
    return runs.call(call_id, due_ms, end_ms, last, attempts=tries, stopped_by=stopped), attempts


def test_a_storm_is_where_retries_fail_and_callers_with_them(tmp_path: Path) -> None:
    storm = [
        again(n, n * 100, 4, Outcome.OVERLOADED) if 200 <= n < 350 else made.ok(n, n * 100, 100)
        for n in range(500)
    ]
    found = made.found(made.write(tmp_path, storm, window_s=50))
    text = found["retry_storm"]["text"]
    # Bins of two seconds. From 20 to 36 s 160 calls are due, ten of which are served, and 605 requests are
    # sent: 160 first ones, three retries of each of 145 calls, two of each of five more.
    assert text == (
        "20–36 s: a retry storm. 74 % of the requests were retries (3.8 requests a call due), and 6.2 % of"
        " calls were served in time."
    )
    evidence = found["retry_storm"]["evidence"]
    assert "0 % of 445 retries were answered" in evidence
    assert "over the whole run: 1.90 requests a call" in evidence


def test_retries_that_rescue_calls_are_no_storm(tmp_path: Path) -> None:
    saved = [
        again(n, n * 100, 2, Outcome.OK) if 40 <= n < 80 else made.ok(n, n * 100, 100) for n in range(200)
    ]
    found = made.found(made.write(tmp_path, saved))
    assert "retry_storm" not in found
    assert found["retries_paid"]["text"] == (
        "Retries were 17 % of the requests; 100 % of 40 calls that were tried again came out ok."
    )


def cut(
    call_id: int, due_ms: float, *, wait_ms: float = 0, backoff_ms: float = 0, deadline_ms: float = 5000
) -> Made:
    """A call cut by its deadline, its one attempt the whole time but for the waits."""
    end_ms = due_ms + deadline_ms
    call = runs.call(
        call_id,
        due_ms,
        end_ms,
        Outcome.DEADLINE,
        stopped_by=StoppedBy.DEADLINE,
        permit_wait_ms=wait_ms,
        backoff_ms=backoff_ms,
    )
    return call, [runs.attempt(call_id, 1, due_ms + wait_ms + backoff_ms, end_ms, Outcome.DEADLINE)]


def test_a_deadline_that_cuts_what_is_on_its_way_is_too_short(tmp_path: Path) -> None:
    slow = [cut(n, n * 100) if n % 5 == 0 else made.ok(n, n * 100, 4000) for n in range(200)]
    folder = made.write(tmp_path, slow)
    made.policy(folder, deadline_s=5.0)
    found = made.found(folder)
    assert found["deadline_short"]["text"] == (
        "The deadline of 5 s was too short: 20 % of calls were cut by it, and 100 % of the requests that were"
        " answered took more than 3 s."
    )
    assert "out_of_time" not in found


def test_calls_whose_time_went_by_waiting_do_not_want_a_longer_deadline(tmp_path: Path) -> None:
    late = [
        cut(n, n * 100, wait_ms=1000, backoff_ms=3000) if n % 5 == 0 else made.ok(n, n * 100, 4000)
        for n in range(200)
    ]
    folder = made.write(tmp_path, late)
    made.policy(folder, deadline_s=5.0)
    found = made.found(folder)
    assert found["out_of_time"]["text"] == (
        "20 % of calls ran out of time before they were served; 60 % of their time went by waiting"
        " between attempts."
    )
    assert "deadline_short" not in found


def test_an_attempt_timeout_that_cuts_what_is_on_its_way_is_too_short(tmp_path: Path) -> None:
    slow = [again(n, n * 100, 2, Outcome.OK) if n % 5 == 0 else made.ok(n, n * 100, 4000) for n in range(200)]
    for n in range(0, 200, 5):
        first = runs.attempt(n, 1, n * 100, n * 100 + 5000, Outcome.TIMEOUT, fault=Fault.ATTEMPT_TIMEOUT)
        second = runs.attempt(n, 2, n * 100 + 5000, n * 100 + 7000)
        slow[n] = runs.call(n, n * 100, n * 100 + 7000, attempts=2), [first, second]
    folder = made.write(tmp_path, slow)
    made.policy(folder, attempt_timeout_s=5.0)
    # 40 of 240 requests were cut; of 200 replies the 160 of four seconds took more than three.
    assert made.found(folder)["timeout_short"]["text"] == (
        "The attempt timeout of 5 s was too short: it cut 17 % of the requests, and 80 % of the replies"
        " that came in time took more than 3 s."
    )
    made.policy(folder, attempt_timeout_s=30.0)
    assert "timeout_short" not in made.found(folder)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (permits, "hold_of"),
        (breakers, "openings"),
        (bounds, "_cut"),
    ],
)
def test_what_several_rules_look_at_is_computed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str
) -> None:
    asked: list[Facts] = []
    computed = getattr(module, name)

    def counting(facts: Facts) -> Any:
        asked.append(facts)
        return computed(facts)

    monkeypatch.setattr(module, name, counting)
    made.found(made.write(tmp_path, narrow(), window_s=40))
    assert len(asked) == 1
