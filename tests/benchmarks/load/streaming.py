"""Events a second of one process, each with its stamp on disk, from a server that sends them in bursts."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

import numpy as np

from reports.figures.quantiles import quantile
from reports.reading.run import Attempts
from tests.benchmarks.aimock import AbsentError
from tests.benchmarks.cores import ours_apart
from tests.benchmarks.load import aiperf, turns
from tests.benchmarks.load.burst_server import BURST, EVENTS, PAUSE_S
from tests.benchmarks.load.callers import check_sound
from tests.benchmarks.load.ours import playing
from tests.benchmarks.load.section import Effort, Result, SectionError
from tests.benchmarks.load.servers import bursting
from tests.benchmarks.load.turns import Peer, Row, Turn
from tests.benchmarks.load.window import MARGIN_S, NS_PER_S, per_s_in_the_middle
from tests.benchmarks.table import Check

USERS = 20
LEAST_EVENTS_PER_S = 100_000

OURS = "ours: tuned, every stamp recorded"

NS_PER_MS = 1_000_000


def measure(effort: Effort, say: Callable[[str], None]) -> Result:
    """Both take turns at one server."""
    with ours_apart() as cores, bursting(cores) as server:
        rows = turns.take_turns(PEERS, server, effort, lambda text: say(f"streaming: {text}"))
    return Result(
        title=(
            f"streaming: {USERS} streams at once of {EVENTS} events each, sent {BURST} at a time every"
            f" {PAUSE_S * 1000:g} ms; medians of {effort.rounds} round(s) of {effort.seconds:g} s, without"
            f" the first and last {MARGIN_S:g} s"
        ),
        table=turns.table(rows, "events/s", [("x AIPerf", aiperf.NAME)]),
        checks=checks(rows),
        figures={"pinned": bool(cores), "rows": turns.document(rows, [aiperf.NAME])},
        remarks=remarks(rows),
    )


def checks(rows: dict[str, Row]) -> list[Check]:
    """The acceptance, from the medians."""
    per_s = rows[OURS].per_s
    what = f"{OURS} (at least {LEAST_EVENTS_PER_S:,} events/s)"
    return [Check(what, per_s, "events/s", per_s >= LEAST_EVENTS_PER_S, digits=0)]


def remarks(rows: dict[str, Row]) -> list[str]:
    """What each says of a server that answers at once."""
    said = ["ours: every stream has a stamp for each content event the server sent, in order"]
    for row in rows.values():
        seen = [turn.ttft_ms for turn in row.turns if turn.ttft_ms is not None]
        if seen:
            p50, p99 = (median(part) for part in zip(*seen, strict=True))
            said.append(f"time to the first token by {row.name}: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    said.append(
        "the server answers in the callback that reads the request: more is time spent in the generator"
    )
    return said


def check_stamps(attempts: Attempts) -> None:
    """Raises SectionError unless every stream has a stamp an event, in order, within its attempt."""
    stamps = attempts.output_ns
    wrong = int(np.count_nonzero(stamps.lengths != EVENTS))
    if wrong:
        raise SectionError(f"{OURS}: {wrong} of {len(attempts)} streams do not have {EVENTS} stamps")
    if (stamps.steps < 0).any():
        raise SectionError(f"{OURS}: some stamps are before the one before them")
    if (stamps.first < attempts.sent_ns).any() or (stamps.last > attempts.end_ns).any():
        raise SectionError(f"{OURS}: some stamps are not within their attempt")


def _ours(host: str, seconds: float) -> Turn:
    options = ("--arrivals", "closed", "-u", str(USERS), "--length", f"{seconds:g}s", "--host", host)
    with playing(*options, "--stream", "--transport", "fast", "--policy", "tuned") as played:
        check_sound(OURS, played)
        attempts = played.run.attempts
        check_stamps(attempts)
        stamps = attempts.output_ns
        ttft_ms = np.sort((stamps.first - attempts.sent_ns) / NS_PER_MS)
        return Turn(
            per_s_in_the_middle(stamps.values, played.run.window_ns / NS_PER_S),
            len(stamps.values),
            (quantile(ttft_ms, 0.5), quantile(ttft_ms, 0.99)),
        )


def _aiperf(host: str, seconds: float) -> Turn:
    export = aiperf.profile(host, "--concurrency", str(USERS), "--streaming", seconds=seconds)
    if export.chunks != export.requests * EVENTS:
        raise AbsentError(
            f"{aiperf.NAME} read {export.chunks:,} events in {export.requests:,} streams of {EVENTS}"
        )
    return Turn(export.chunks_per_s, export.chunks, export.ttft_ms)


PEERS = (Peer(OURS, _ours), Peer(aiperf.NAME, _aiperf))
