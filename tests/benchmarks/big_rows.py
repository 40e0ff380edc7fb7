"""The rows of a long load test, drawn from a seed: one worker's calls, their attempts, its events.

Calls come at an even rate. One in nine takes a second attempt, one in a hundred a third; three in a hundred
end badly.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Rows = dict[str, Any]

WORKERS = 4
CALLS_PER_S = 2500.0
NS_PER_S = 1_000_000_000
SEED = 7

KINDS, OF_KINDS = ("caption", "hashtags", "line_broadcast", "product", "review"), (0.4, 0.3, 0.15, 0.1, 0.05)
MODELS, OF_MODELS = ("gpt-4o-mini", "gpt-4o"), (0.8, 0.2)
SHOPS = tuple(f"shop-{n:03d}" for n in range(200))

#: How an attempt ends: the class, the finer fault, the status.
ENDS = (
    ("ok", "", 200),
    ("throttled", "status", 429),
    ("overloaded", "status", 503),
    ("transient", "read", None),
    ("timeout", "attempt_timeout", None),
)
OUTCOMES = tuple(outcome for outcome, _, _ in ENDS)

#: What a failed call says: one text an end, but that a reset connection names its port, one of a thousand.
DETAILS = ("", "429: rate limit reached", "503: overloaded", "", "no reply within 30 s")
PORTS = tuple(f"connection reset by 127.0.0.1:{port}" for port in range(40_000, 41_000))
RESET = OUTCOMES.index("transient")

#: Attempts of a call, how probable each number is, and how often such a call fails in the end.
ATTEMPTS, OF_ATTEMPTS, FAIL = (1, 2, 3), (0.88, 0.11, 0.01), (0.02, 0.08, 0.5)

#: Columns of what headers tell of limits: these replies tell nothing.
TOLD = (
    "limit_requests",
    "left_requests",
    "limit_tokens",
    "left_tokens",
    "limit_input_tokens",
    "limit_output_tokens",
)

#: A worker notes how late its event loop is ten times a second, and once what CPU it took.
LOOP_LAGS_PER_S = 10


@dataclass(frozen=True)
class Share:
    """A worker's calls by call id, one element each; ends are places in ENDS, `between` the earlier ones."""

    worker: int
    call_id: Ints
    kind: Ints
    model: Ints
    shop: Ints
    intended_ns: Ints
    start_ns: Ints
    between: Ints
    end: Ints
    port: Ints
    attempts: Ints
    took_ns: Ints  # each attempt
    wait_ns: Ints  # for a permit, before the first
    pause_ns: Ints  # before each attempt but the first
    tokens: Ints


def share(worker: int, calls: int) -> Share:
    """Those of `calls` that are this worker's."""
    draw = np.random.default_rng([SEED, worker])
    call_id = np.arange(worker, calls, WORKERS, dtype=np.int64)
    rows = len(call_id)
    attempts = draw.choice(ATTEMPTS, rows, p=OF_ATTEMPTS)
    failed = draw.random(rows) < np.array((0.0, *FAIL))[attempts]
    intended_ns = (call_id * (NS_PER_S / CALLS_PER_S)).astype(np.int64)
    return Share(
        worker=worker,
        call_id=call_id,
        kind=draw.choice(len(KINDS), rows, p=OF_KINDS),
        model=draw.choice(len(MODELS), rows, p=OF_MODELS),
        shop=draw.integers(0, len(SHOPS), rows),
        intended_ns=intended_ns,
        start_ns=intended_ns + draw.exponential(400_000, rows).astype(np.int64),
        between=draw.integers(1, len(ENDS), rows),
        end=np.where(failed, draw.integers(1, len(ENDS), rows), 0),
        port=draw.integers(0, len(PORTS), rows),
        attempts=attempts,
        took_ns=(draw.lognormal(0.6, 0.5, rows) * NS_PER_S).astype(np.int64),
        wait_ns=draw.exponential(2_000_000, rows).astype(np.int64) * (draw.random(rows) < 0.1),
        pause_ns=draw.exponential(0.8 * NS_PER_S, rows).astype(np.int64),
        tokens=draw.integers(20, 900, rows),
    )


def calls(s: Share) -> Rows:
    """The columns of the table, in order of call id."""
    ok, backoff_ns = s.end == 0, s.pause_ns * (s.attempts - 1)
    detail = np.where(s.end == RESET, len(DETAILS) + s.port, s.end)
    return {
        "call_id": s.call_id,
        "worker": np.full(len(ok), s.worker),
        "shop": _named(s.shop, SHOPS),
        "kind": _named(s.kind, KINDS),
        "model": _named(s.model, MODELS),
        "intended_ns": s.intended_ns,
        "start_ns": s.start_ns,
        "accepted_ns": pa.nulls(len(ok), pa.int64()),
        "taken_up_ns": pa.nulls(len(ok), pa.int64()),
        "end_ns": s.start_ns + s.wait_ns + s.took_ns * s.attempts + backoff_ns,
        "outcome": _named(s.end, OUTCOMES),
        "stopped_by": _named((~ok).astype(np.int64), (None, "attempts")),
        "attempts": s.attempts,
        "permit_wait_ns": s.wait_ns,
        "backoff_ns": backoff_ns,
        "status": _statuses(s.end),
        "code": pa.nulls(len(ok), pa.utf8()),
        "prompt_tokens": pa.array(s.tokens, mask=~ok),
        "completion_tokens": pa.array(s.tokens // 3, mask=~ok),
        "planned_prompt_tokens": s.tokens,
        "planned_completion_tokens": s.tokens // 3,
        "detail": _named(detail, (*DETAILS, *PORTS)),
    }


def attempts(s: Share) -> Rows:
    """The columns of the table, by call id and number."""
    call = np.repeat(np.arange(len(s.call_id)), s.attempts)
    before = np.arange(len(call)) - np.repeat(np.cumsum(s.attempts) - s.attempts, s.attempts)
    end = np.where(before + 1 == s.attempts[call], s.end[call], s.between[call])
    sent_ns = (s.start_ns + s.wait_ns)[call] + before * (s.took_ns + s.pause_ns)[call]
    ok, rows = end == 0, len(call)
    return {
        "call_id": s.call_id[call],
        "attempt": before + 1,
        "worker": np.full(rows, s.worker),
        "sent_ns": sent_ns,
        "headers_ns": pa.array(
            sent_ns + s.took_ns[call] - 1_000_000, mask=_statuses(end).is_null().to_numpy(False)
        ),
        "first_token_ns": pa.nulls(rows, pa.int64()),
        "output_ns": np.zeros(rows + 1, np.int32),  # offsets: no reply was streamed
        "end_ns": sent_ns + s.took_ns[call],
        "outcome": _named(end, OUTCOMES),
        "fault": _named(end, tuple(fault for _, fault, _ in ENDS)),
        "status": _statuses(end),
        "code": pa.nulls(rows, pa.utf8()),
        "retry_after_ns": pa.nulls(rows, pa.int64()),
        "permit_wait_ns": np.where(before == 0, s.wait_ns[call], 0),
        "prompt_tokens": pa.array(s.tokens[call], mask=~ok),
        "completion_tokens": pa.array(s.tokens[call] // 3, mask=~ok),
        "finish_reason": _named(np.where(ok, 1, 0), (None, "stop")),
        **dict.fromkeys(TOLD, pa.nulls(rows, pa.int64())),
        "request_id": _named(call % len(SHOPS), SHOPS),
        "route": np.zeros(rows, np.int64),
    }


def events(worker: int, length_s: float) -> Rows:
    """The columns of the table, in order of time."""
    draw = np.random.default_rng([SEED, WORKERS + worker])
    seconds = int(length_s)
    lag = np.arange(seconds * LOOP_LAGS_PER_S) * (NS_PER_S // LOOP_LAGS_PER_S)
    cpu = np.arange(seconds) * NS_PER_S
    at_ns = np.concatenate((lag, cpu))
    name = np.concatenate((np.zeros(len(lag), np.int64), np.ones(len(cpu), np.int64)))
    value = np.concatenate((draw.exponential(0.0004, len(lag)), draw.uniform(0.3, 0.5, len(cpu))))
    order = np.argsort(at_ns, kind="stable")
    return {
        "worker": np.full(len(at_ns), worker),
        "at_ns": at_ns[order],
        "name": _named(name[order], ("loop_lag", "cpu")),
        "text": _named(np.zeros(len(at_ns), np.int64), ("",)),
        "value": value[order],
    }


def _named(codes: Ints, words: tuple[str | None, ...]) -> Any:
    return pa.array(words, pa.utf8()).take(pa.array(codes))


def _statuses(ends: Ints) -> Any:
    return pa.array([status for _, _, status in ENDS], pa.int16()).take(pa.array(ends))
