"""What a call must meet to count as goodput."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.errors import UsageError

NAMES = ("call_latency", "e2el", "ttft", "itl", "tpot")

#: Those that only a streamed reply can meet.
OF_STREAMS = ("ttft", "itl", "tpot")


@dataclass(frozen=True, slots=True)
class Objective:
    """An ok call meets it when its metric is at most `limit_ms`.

    `itl` is judged by the call's mean gap. A call whose metric was not recorded, as `ttft` of a reply that
    was not streamed, does not meet it.
    """

    metric: str
    limit_ms: float

    def __str__(self) -> str:
        return f"{self.metric} <= {self.limit_ms:g} ms"


#: Fifteen seconds from the intended instant: what a person waits for a caption.
DEFAULT = (Objective("call_latency", 15_000.0),)


def parse(texts: Sequence[str]) -> tuple[Objective, ...]:
    """Objectives from `metric:milliseconds` words. Raises UsageError for anything else."""
    objectives = tuple(_parse_one(text) for text in texts)
    names = [o.metric for o in objectives]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"--goodput: {name} is given {names.count(name)} times: expected once")
    return objectives


def _parse_one(text: str) -> Objective:
    metric, colon, limit = text.partition(":")
    known = f"{', '.join(NAMES[:-1])} or {NAMES[-1]}"
    if not colon or metric not in NAMES:
        raise UsageError(f"--goodput {text}: expected METRIC:MILLISECONDS with METRIC {known}")
    try:
        limit_ms = float(limit)
    except ValueError:
        limit_ms = math.nan
    if not 0 < limit_ms < math.inf:
        raise UsageError(f"--goodput {text}: {limit!r}: expected a positive number of milliseconds")
    return Objective(metric, limit_ms)
