"""Runs made by hand, recorded as the harness records them."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.model import (
    Attempt,
    AttemptFinished,
    BreakerChanged,
    Call,
    CallFinished,
    Event,
    Fault,
    Outcome,
    StoppedBy,
    Tag,
    Usage,
)
from harness.record import folder
from harness.record.recorder import Recorder

S = 1_000_000_000
MS = 1_000_000
ORIGIN_NS = 5 * S  # the recorder must take it off again


@dataclass(frozen=True, slots=True)
class Note:
    """A row of the events table that the generator writes of itself."""

    at_ms: float
    name: str
    value: float
    text: str = ""


def attempt(
    call_id: int,
    number: int,
    sent_ms: float,
    end_ms: float,
    outcome: Outcome = Outcome.OK,
    *,
    fault: Fault = Fault.NONE,
    tokens: tuple[int, int] | None = None,
    output_ms: Iterable[float] = (),
    route: int = 0,
) -> Attempt:
    usage = None if tokens is None else Usage(*tokens)
    output_ns = array("q", [ORIGIN_NS + round(at * MS) for at in output_ms])
    return Attempt(
        call_id=call_id,
        number=number,
        sent_ns=ORIGIN_NS + round(sent_ms * MS),
        end_ns=ORIGIN_NS + round(end_ms * MS),
        outcome=outcome,
        fault=fault,
        usage=usage,
        first_token_ns=output_ns[0] if output_ns else None,
        output_ns=output_ns or None,
        route=route,
    )


def call(
    call_id: int,
    intended_ms: float,
    end_ms: float,
    outcome: Outcome = Outcome.OK,
    *,
    start_ms: float | None = None,
    attempts: int = 1,
    stopped_by: StoppedBy | None = None,
    kind: str = "hashtags",
    model: str = "mock",
    detail: str = "",
    backoff_ms: float = 0,
    permit_wait_ms: float = 0,
    accepted_ms: float | None = None,
    taken_up_ms: float | None = None,
) -> Call:
    intended_ns = ORIGIN_NS + round(intended_ms * MS)
    return Call(
        call_id=call_id,
        intended_ns=intended_ns,
        start_ns=intended_ns if start_ms is None else ORIGIN_NS + round(start_ms * MS),
        end_ns=ORIGIN_NS + round(end_ms * MS),
        outcome=outcome,
        stopped_by=stopped_by,
        attempts=attempts,
        model=model,
        tag=Tag(call_id=call_id, intended_ns=intended_ns, shop="shop-1", kind=kind),
        backoff_ns=round(backoff_ms * MS),
        permit_wait_ns=round(permit_wait_ms * MS),
        detail=detail,
        accepted_ns=None if accepted_ms is None else ORIGIN_NS + round(accepted_ms * MS),
        taken_up_ns=None if taken_up_ms is None else ORIGIN_NS + round(taken_up_ms * MS),
    )


def record(
    path: Path, worker: int, events: Iterable[Event], notes: Iterable[Note] = (), *, flush_every: int = 0
) -> None:
    """Record events and notes as one worker; `flush_every` events make a batch."""
    recorder = Recorder(path, worker, ORIGIN_NS)
    for note in notes:
        recorder.note(ORIGIN_NS + round(note.at_ms * MS), note.name, note.value, note.text)
    for n, event in enumerate(events, start=1):
        recorder(event)
        if flush_every and n % flush_every == 0:
            recorder.flush()
    recorder.close()


def manifest(
    path: Path,
    *,
    policy: str = "tuned",
    seed: int = 7,
    workers: int = 1,
    schedule: dict[str, Any] | None = None,
    limit: int | None = 40,
    profile: str = "primetime",
) -> None:
    values = {
        "deadline_s": 60.0,
        "attempt_timeout_s": 30.0,
        "retry": {
            "attempts": 3,
            "on": ["throttled", "overloaded", "transient"],
            "base_s": 0.5,
            "jitter": "full",
        },
        "breaker": {"kind": "ratio", "window_s": 10.0, "failure_ratio": 0.5, "open_s": 5.0},
        "concurrency": {"kind": "static" if limit else "off", "limit": limit},
    }
    folder.write_manifest(
        path,
        folder.Manifest(
            run=path.name,
            scenario="primetime",
            started_unix_ns=1_700_000_000 * S,
            seed=seed,
            workers=workers,
            policy={"name": policy, "values": values, "per_worker": {"concurrency": {"limit": 20}}},
            schedule=schedule
            or {
                "scenario": "primetime",
                "arrivals": "constant",
                "peak_rps": 1.0,
                "window": None,
                "duration_s": 12.0,
                "count": 12,
                "clock": None,
                "curve": None,
            },
            target={"host": "http://127.0.0.1:8000", "bundled": True, "profile": profile},
            options={"transport": "fast"},
        ),
    )


def rewrite_manifest(path: Path, **changes: Any) -> None:
    """Put fields into a manifest, or others in their place."""
    file = path / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def ending(
    path: Path, scheduled: dict[str, int], *, arrivals_end_s: float = 12.0, degraded: Iterable[str] = ()
) -> None:
    end_ns = round(arrivals_end_s * S)
    folder.write_ending(
        path,
        folder.Ending(
            "the schedule was played", end_ns, end_ns + 4 * S, scheduled, scheduled, list(degraded)
        ),
    )


# The paper run: twelve calls, one due at each whole second, over a window of 12 s.
#
#   id  due  start   attempts (sent-end, ms)                              outcome    end     latency  tokens
#    0   0s  +0 ms   0-1000 ok                                            ok         1000     1000    100+50
#    1   1s  +0      1000-3000 ok                                         ok         3000     2000    100+50
#    2   2s  +10     2010-2110 throttled, 3000-5000 ok                    ok         5000     3000    100+50
#    3   3s  +0      3000-7000 ok                                         ok         7000     4000    100+50
#    4   4s  +0      4000-4100 throttled, 5000-5100 overloaded,
#                    7000-24000 ok                                        ok        24000    20000    100+50
#    5   5s  +0      5000-5050 transient.connect x3                       transient  8000
#    6   6s  +0      none: breaker open                                   rejected   6000
#    7   7s  +0      none: breaker open                                   rejected   7000
#    8   8s  +20     8020-38020 timeout.attempt_timeout                   timeout   38020
#    9   9s  +0      9000-10000 ok, but the call was cut by its deadline   deadline  10000              30+20
#   10  10s  +0      10000-10500 ok                                       ok        10500      500    100+50
#   11  11s  +0      11000-12500 ok                                       ok        12500     1500    100+50
PAPER_CALLS = (
    call(0, 0, 1000, kind="line_broadcast"),
    call(1, 1000, 3000, kind="line_broadcast"),
    call(2, 2000, 5000, start_ms=2010, attempts=2, backoff_ms=890),
    call(3, 3000, 7000),
    call(4, 4000, 24000, attempts=3, backoff_ms=2800),
    call(
        5,
        5000,
        8000,
        Outcome.TRANSIENT,
        attempts=3,
        stopped_by=StoppedBy.ATTEMPTS,
        detail="connection refused",
    ),
    call(6, 6000, 6000, Outcome.REJECTED, attempts=0, stopped_by=StoppedBy.BREAKER, detail="breaker open"),
    call(7, 7000, 7000, Outcome.REJECTED, attempts=0, stopped_by=StoppedBy.BREAKER, detail="breaker open"),
    call(8, 8000, 38020, Outcome.TIMEOUT, start_ms=8020, stopped_by=StoppedBy.ATTEMPTS, detail="timeout"),
    call(9, 9000, 10000, Outcome.DEADLINE, stopped_by=StoppedBy.DEADLINE, detail="deadline"),
    call(10, 10000, 10500),
    call(11, 11000, 12500),
)
PAPER_ATTEMPTS = (
    attempt(0, 1, 0, 1000, tokens=(100, 50)),
    attempt(1, 1, 1000, 3000, tokens=(100, 50)),
    attempt(2, 1, 2010, 2110, Outcome.THROTTLED, fault=Fault.STATUS),
    attempt(2, 2, 3000, 5000, tokens=(100, 50)),
    attempt(3, 1, 3000, 7000, tokens=(100, 50)),
    attempt(4, 1, 4000, 4100, Outcome.THROTTLED, fault=Fault.STATUS),
    attempt(4, 2, 5000, 5100, Outcome.OVERLOADED, fault=Fault.STATUS),
    attempt(4, 3, 7000, 24000, tokens=(100, 50)),
    attempt(5, 1, 5000, 5050, Outcome.TRANSIENT, fault=Fault.CONNECT),
    attempt(5, 2, 6000, 6050, Outcome.TRANSIENT, fault=Fault.CONNECT),
    attempt(5, 3, 7950, 8000, Outcome.TRANSIENT, fault=Fault.CONNECT),
    attempt(8, 1, 8020, 38020, Outcome.TIMEOUT, fault=Fault.ATTEMPT_TIMEOUT),
    attempt(9, 1, 9000, 10000, tokens=(30, 20)),
    attempt(10, 1, 10000, 10500, tokens=(100, 50)),
    attempt(11, 1, 11000, 12500, tokens=(100, 50)),
)
PAPER_BREAKER = (
    BreakerChanged(ORIGIN_NS + 5 * S, "closed", "open"),
    BreakerChanged(ORIGIN_NS + 8 * S, "open", "half_open"),
    BreakerChanged(ORIGIN_NS + 9 * S, "half_open", "closed"),
)


def paper_events() -> list[Event]:
    return [
        *(AttemptFinished(a) for a in PAPER_ATTEMPTS),
        *PAPER_BREAKER,
        *(CallFinished(c) for c in PAPER_CALLS),
    ]


def paper_run(path: Path, **of_manifest: Any) -> Path:
    """The paper run on disk, sound and ended."""
    path.mkdir(parents=True)
    manifest(path, **of_manifest)
    record(path, 0, paper_events(), flush_every=6)
    ending(path, {"0": 12})
    return path


# The spoken run: six calls due at whole seconds of a window of 12 s, their replies streamed but for call 3's.
#
#   id  attempts (sent; content events; end, ms)        tokens  ttft  gaps       tpot
#    0  0; 200 250 350 400; 420 ok                      10+5    200   50 100 50  (420 - 200) / 4 = 55
#    1  1000; 1300; 1400 partial
#       2000; 2500 2500 2600; 2600 ok                   10+11   500   0 100      (2600 - 2500) / 10 = 10
#    2  2000; 2100; 2150 ok                             10+1    100   -          -, one token
#    3  3000; -; 3500 ok, not streamed                  10+20   -     -          -
#    4  4000; 4400 4460; 4500 ok                        -       400   60         -, not counted
#    5  5000; 5100 5900; 6000 partial, as is the call   -       -     -          -
SPOKEN_CALLS = (
    call(0, 0, 420),
    call(1, 1000, 2600, attempts=2, backoff_ms=600),
    call(2, 2000, 2150),
    call(3, 3000, 3500),
    call(4, 4000, 4500),
    call(5, 5000, 6000, Outcome.PARTIAL, stopped_by=StoppedBy.ATTEMPTS),
)
SPOKEN_ATTEMPTS = (
    attempt(0, 1, 0, 420, tokens=(10, 5), output_ms=(200, 250, 350, 400)),
    attempt(1, 1, 1000, 1400, Outcome.PARTIAL, fault=Fault.READ, output_ms=(1300,)),
    attempt(1, 2, 2000, 2600, tokens=(10, 11), output_ms=(2500, 2500, 2600)),
    attempt(2, 1, 2000, 2150, tokens=(10, 1), output_ms=(2100,)),
    attempt(3, 1, 3000, 3500, tokens=(10, 20)),
    attempt(4, 1, 4000, 4500, output_ms=(4400, 4460)),
    attempt(5, 1, 5000, 6000, Outcome.PARTIAL, fault=Fault.READ, output_ms=(5100, 5900)),
)


def spoken_run(path: Path) -> Path:
    """The spoken run on disk, its attempts flushed out of order."""
    path.mkdir(parents=True)
    manifest(path)
    attempts, calls = reversed(SPOKEN_ATTEMPTS), SPOKEN_CALLS
    record(path, 0, [*map(AttemptFinished, attempts), *map(CallFinished, calls)], flush_every=2)
    ending(path, {"0": 6})
    return path


# The toil run: no call, a window of 4 s, two workers.
#
#   worker 0, cpu rows at -0.5, 1, 2, 2.2, 4.2 s: the first is of an unseen stretch
#     -0.5 to 1   0.9 s of CPU  60 %, of which 1 s lies in the window
#        1 to 2   0.8           80 %
#        2 to 2.2 0.2          100 %, too short to be a busiest second
#      2.2 to 4.2 0.6           30 %, of which 1.8 s lies in the window
#     mean (0.6 + 0.8 + 0.2 + 0.54) / 4 = 53.5 %
#   worker 1, cpu rows at 0, 2, 5 s: 20 % of 2 s, 10 % of 2 s: mean 15 %
TOIL_NOTES = (
    (
        Note(-500, "cpu", 7.0),
        Note(1000, "cpu", 0.9),
        Note(2000, "cpu", 0.8),
        Note(2200, "cpu", 0.2),
        Note(4200, "cpu", 0.6),
        Note(900, "gc_pause", 0.0004, "0"),
        Note(1900, "gc_pause", 0.0012, "1"),
        Note(1500, "loop_lag", 0.002),
        Note(1600, "loop_lag", 0.004),
    ),
    (
        Note(0, "cpu", 0.5),
        Note(2000, "cpu", 0.4),
        Note(5000, "cpu", 0.3),
        Note(4500, "gc_pause", 0.003, "2"),
        Note(1500, "loop_lag", 0.009),
    ),
)


def toil_run(path: Path) -> Path:
    """The toil run on disk."""
    path.mkdir(parents=True)
    manifest(path, workers=2)
    for worker, notes in enumerate(TOIL_NOTES):
        record(path, worker, [], notes)
    ending(path, {"0": 0, "1": 0}, arrivals_end_s=4.0)
    return path


# The queued run: six calls, one due at each whole second, over 12 s; one load process (0), two workers (1, 2)
# of a queue that holds two tasks.
#
#   id  due  accepted  taken up  end      outcome
#    0   0s  +4 ms     6 ms      1000     ok         its worker, 1, was quicker than the answer: see below
#    1   1s  +6        1100      2000     ok         waited 94 ms
#    2   2s  +10       5010      6000     ok         waited 3000 ms
#    3   3s  -         -         3002     rejected   the queue was full
#    4   4s  +20       3990      7000     ok         taken up before its submitter was told: no wait
#    5   5s  +8        -         9000     cancelled  left in the queue
#
# Sampled: depth 0, 2, 2, 1, 0 at 0, 2, 4, 6, 8 s; the oldest 0, 0.5, 2.5, 3.0, 0 s; running 1, 2, 2, 1, 0.
# Worker 2's breaker is open from 6 to 9 s; the load process has none.
QUEUED_CALLS = (
    call(0, 0, 1000, accepted_ms=4, taken_up_ms=6),
    call(1, 1000, 2000, accepted_ms=1006, taken_up_ms=1100),
    call(2, 2000, 6000, accepted_ms=2010, taken_up_ms=5010),
    call(3, 3000, 3002, Outcome.REJECTED, attempts=0, stopped_by=StoppedBy.ADMISSION),
    call(4, 4000, 7000, accepted_ms=4020, taken_up_ms=3990),
    call(5, 5000, 9000, Outcome.CANCELLED, attempts=0, stopped_by=StoppedBy.USER, accepted_ms=5008),
)
QUEUED_ATTEMPTS = (
    (attempt(0, 1, 10, 1000, tokens=(100, 50)), attempt(2, 1, 5020, 6000, tokens=(100, 50))),
    (attempt(1, 1, 1110, 2000, tokens=(100, 50)), attempt(4, 1001, 4000, 7000, tokens=(100, 50))),
)
QUEUED_SAMPLES = ((0, 0, 0.0, 1), (2, 2, 0.5, 2), (4, 2, 2.5, 2), (6, 1, 3.0, 1), (8, 0, 0.0, 0))


def queued_run(path: Path, *, policy: str = "tuned", seed: int = 7, max_depth: int = 2) -> Path:
    """The queued run, with two worker processes beside the load process."""
    path.mkdir(parents=True)
    manifest(path, policy=policy, seed=seed)
    settings = {"max_depth": max_depth}
    used = {"server": "embedded", "name": path.name, "workers": 2, "first_worker": 1, "settings": settings}
    rewrite_manifest(path, architecture="queued", queue=used)
    notes = [
        Note(at_s * 1000, name, value)
        for at_s, depth, age_s, running in QUEUED_SAMPLES
        for name, value in (("queue_depth", depth), ("queue_processing", running), ("queue_age", age_s))
    ]
    record(path, 0, [CallFinished(one) for one in QUEUED_CALLS], notes)
    record(path, 1, [AttemptFinished(one) for one in QUEUED_ATTEMPTS[0]])
    opened = [
        BreakerChanged(ORIGIN_NS + 6 * S, "closed", "open"),
        BreakerChanged(ORIGIN_NS + 9 * S, "open", "closed"),
    ]
    record(path, 2, [*(AttemptFinished(one) for one in QUEUED_ATTEMPTS[1]), *opened])
    ending(path, {"0": 6})
    return path
