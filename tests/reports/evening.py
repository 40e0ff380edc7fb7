"""A made-up evening, drawn from a seed: big enough to look at, with a bad peak."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from pathlib import Path

from harness.model import AttemptFinished, BreakerChanged, CallFinished, Event, Fault, Outcome, StoppedBy
from tests.reports.runs import (
    ORIGIN_NS,
    Note,
    S,
    attempt,
    call,
    ending,
    manifest,
    record,
    rewrite_manifest,
)

KINDS = ("facebook_caption", "shopee_product", "line_broadcast", "tiktok_script", "hashtags")


@dataclass(frozen=True, slots=True)
class Client:
    """How a made-up client fares at the height of the evening."""

    fails: float  # share of attempts that fail at the peak
    retries: int
    slow: float  # factor on latency at the peak
    sheds: bool  # has a breaker
    limit: int | None


CLIENTS = {
    "naive": Client(fails=0.55, retries=0, slow=9.0, sheds=False, limit=None),
    "article": Client(fails=0.62, retries=2, slow=7.0, sheds=True, limit=50),
    "tuned": Client(fails=0.16, retries=2, slow=2.4, sheds=False, limit=40),
}
EVENING_S = 180.0
PEAK_RPS = 20.0
WORKERS = 2


def evening(path: Path, policy: str, seed: int = 7) -> Path:
    """Three minutes that stand for 19:30 to 20:30, about 2,700 calls, with a bad peak in the middle."""
    path.mkdir(parents=True)
    curve = [[t, _rate(t)] for t in range(0, int(EVENING_S) + 1, 3)]
    due = _arrivals(random.Random(seed))
    shares: dict[int, list[Event]] = {w: [] for w in range(WORKERS)}
    for call_id, at_s in enumerate(due):
        draw = random.Random(f"{seed}-{call_id}")
        shares[call_id % WORKERS] += _play(CLIENTS[policy], call_id, at_s, draw)
    schedule = {
        "scenario": "primetime",
        "arrivals": "gamma",
        "peak_rps": PEAK_RPS,
        "window": "19:30-20:30",
        "duration_s": EVENING_S,
        "count": len(due),
        "clock": {"zone": "ICT", "start": "19:30", "end": "20:30", "duration_s": EVENING_S},
        "curve": curve,
    }
    manifest(path, policy=policy, seed=seed, workers=WORKERS, schedule=schedule, limit=CLIENTS[policy].limit)
    rewrite_manifest(path, generator={"transport": "fast", "stream": True})
    for worker, events in shares.items():
        breaker = _breaker(worker) if CLIENTS[policy].sheds else []
        notes = _toil(worker, random.Random(f"{seed}-toil-{worker}"))
        record(path, worker, [*events, *breaker], notes, flush_every=200)
    scheduled = {str(w): sum(1 for i in range(len(due)) if i % WORKERS == w) for w in range(WORKERS)}
    ending(path, scheduled, arrivals_end_s=EVENING_S)
    return path


def _rate(at_s: float) -> float:
    return PEAK_RPS * (0.55 + 0.45 * math.exp(-(((at_s - 95) / 42) ** 2)))


def _trouble(at_s: float) -> float:
    """0 in quiet, 1 at the height."""
    return 1 / (1 + math.exp(-(at_s - 72) / 4)) / (1 + math.exp((at_s - 128) / 5))


def _arrivals(draw: random.Random) -> list[float]:
    due: list[float] = []
    at_s = 0.0
    while True:
        at_s += draw.gammavariate(0.6, 1 / 0.6) / _rate(at_s)
        if at_s >= EVENING_S:
            return due
        due.append(at_s)


def _shedding(at_s: float) -> bool:
    return 84 < at_s < 122 and (at_s % 9) < 6


def _breaker(worker: int) -> list[Event]:
    events: list[Event] = []
    was = "closed"
    for tick in range(int(EVENING_S * 10)):
        at_s = tick / 10 + worker * 0.7
        now = "open" if _shedding(at_s) else "half_open" if _shedding(at_s - 1.2) else "closed"
        if now != was:
            events.append(BreakerChanged(ORIGIN_NS + round(tick / 10 * S), was, now))
            was = now
    return events


def _toil(worker: int, draw: random.Random) -> list[Note]:
    """What a worker notes of itself: busier in trouble, with a pause now and then."""
    notes: list[Note] = []
    for tick in range(1, int(EVENING_S * 10) + 1):
        at_s = tick / 10
        notes.append(Note(at_s * 1000, "loop_lag", draw.expovariate(1 / (0.0002 + 0.002 * _trouble(at_s)))))
        if tick % 10 == 0:
            busy = (0.3 + 0.05 * worker) * _rate(at_s) / PEAK_RPS + 0.25 * _trouble(at_s)
            notes.append(Note(at_s * 1000, "cpu", max(0.0, busy + draw.gauss(0, 0.02))))
        if draw.random() < 0.002:
            notes.append(Note(at_s * 1000, "gc_pause", draw.expovariate(1000), "0"))
    return notes


def _stream(sent_s: float, took_s: float, tokens: int) -> list[float]:
    """Instants of content events, in ms: a quarter of the time goes by before the first, four tokens each."""
    count = max(1, tokens // 4)
    gap_s = 0.75 * took_s / count
    return [(sent_s + 0.25 * took_s + gap_s * (n + 0.4 * math.sin(n))) * 1000 for n in range(count)]


def _play(client: Client, call_id: int, due_s: float, draw: random.Random) -> list[Event]:
    trouble = _trouble(due_s)
    start_s = due_s + abs(draw.gauss(0, 0.0006))
    kind = draw.choice(KINDS)
    if client.sheds and _shedding(due_s) and draw.random() < 0.8:
        shed = call(
            call_id,
            due_s * 1000,
            start_s * 1000,
            Outcome.REJECTED,
            start_ms=start_s * 1000,
            attempts=0,
            stopped_by=StoppedBy.BREAKER,
            kind=kind,
            detail="the breaker is open",
        )
        return [CallFinished(shed)]
    at_s, events, outcome, backoff_s = start_s, [], Outcome.OK, 0.0
    number = 0
    while True:
        number += 1
        outcome, fault, took_s = _attempt(client, trouble, draw)
        tokens = (draw.randint(60, 400), draw.randint(40, 300)) if outcome is Outcome.OK else None
        finished = attempt(
            call_id,
            number,
            at_s * 1000,
            (at_s + took_s) * 1000,
            outcome,
            fault=fault,
            tokens=tokens,
            output_ms=_stream(at_s, took_s, tokens[1]) if tokens else (),
        )
        events.append(AttemptFinished(finished))
        at_s += took_s
        if outcome is Outcome.OK or number > client.retries:
            break
        wait_s = draw.uniform(0.2, 1.0) * 2 ** (number - 1)
        backoff_s += wait_s
        at_s += wait_s
    ended = call(
        call_id,
        due_s * 1000,
        at_s * 1000,
        outcome,
        start_ms=start_s * 1000,
        attempts=number,
        stopped_by=None if outcome is Outcome.OK else StoppedBy.ATTEMPTS,
        kind=kind,
        detail="" if outcome is Outcome.OK else f"{outcome} after {number} attempts",
        backoff_ms=backoff_s * 1000,
    )
    return [*events, CallFinished(ended)]


def _attempt(client: Client, trouble: float, draw: random.Random) -> tuple[Outcome, Fault, float]:
    took_s = draw.lognormvariate(0.35, 0.45) * (1 + (client.slow - 1) * trouble * draw.uniform(0.4, 1.0))
    if draw.random() < client.fails * trouble + 0.004:
        kind = draw.random()
        if kind < 0.55:
            return Outcome.THROTTLED, Fault.STATUS, draw.uniform(0.01, 0.05)
        if kind < 0.75:
            return Outcome.OVERLOADED, Fault.STATUS, draw.uniform(0.01, 0.2)
        if kind < 0.9:
            return Outcome.TIMEOUT, Fault.ATTEMPT_TIMEOUT, 30.0
        return Outcome.TRANSIENT, Fault.READ, draw.uniform(0.1, 2.0)
    return (Outcome.TIMEOUT, Fault.ATTEMPT_TIMEOUT, 30.0) if took_s > 30 else (Outcome.OK, Fault.NONE, took_s)
