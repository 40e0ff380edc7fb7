"""The mock server's own request log, and our attempts beside it, one by one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reports.reading.run import Attempts, Floats
from tests.benchmarks.load.section import SectionError

Row = dict[str, Any]

US_PER_MS = 1_000
US_PER_S = 1_000_000
NS_PER_MS = 1_000_000


@dataclass(frozen=True)
class Joined:
    """Milliseconds of each attempt, element by element: as we measured it, as its server did."""

    measured_ms: Floats
    served_ms: Floats

    @property
    def overhead_ms(self) -> Floats:
        """What we measured beyond the server's own time: the network, both event loops, reading the reply."""
        return self.measured_ms - self.served_ms


def read(path: Path) -> list[Row]:
    """The lines of a log. Raises SectionError where there are none."""
    try:
        rows: list[Row] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise SectionError(f"{path.name}: cannot be read: {error.strerror}") from None
    if not rows:
        raise SectionError(f"{path.name}: the server saw no request")
    return rows


def served_ms(rows: Iterable[Row]) -> Floats:
    """Of each request: from having received it to the end of its answer."""
    return np.array([_served_ms(row) for row in rows])


def rate_per_s(rows: Iterable[Row]) -> float:
    """Requests a second, between the first and the last."""
    received_us: list[int] = [row["received_us"] for row in rows]
    length_us = max(received_us) - min(received_us)
    if length_us == 0:
        raise SectionError("the server saw no more than one request")
    return (len(received_us) - 1) / length_us * US_PER_S


def joined(attempts: Attempts, rows: Iterable[Row]) -> Joined:
    """Attempts and log, by call and attempt.

    Raises SectionError unless each attempt was ok and has one line of the log, and each line its attempt.
    """
    keys = list(zip(attempts.call_id.tolist(), attempts.attempt.tolist(), strict=True))
    failed = np.count_nonzero(attempts.outcome != "ok")
    if failed:
        raise SectionError(f"{failed} of {len(keys)} attempts did not end ok")
    served: dict[tuple[int, int], float] = {}
    for row in rows:
        key = (row["call"], row["attempt"])
        if key in served:
            raise SectionError(f"the server's log has call {key[0]}, attempt {key[1]} twice")
        served[key] = _served_ms(row)
    without = [key for key in keys if key not in served]
    if without or len(served) != len(keys):
        raise SectionError(
            f"{len(keys)} attempts and {len(served)} lines of the server's log: {len(without)} have no line"
        )
    measured_ms = (attempts.end_ns - attempts.sent_ns) / NS_PER_MS
    return Joined(measured_ms, np.array([served[key] for key in keys]))


def _served_ms(row: Row) -> float:
    return float(row["finished_us"] - row["received_us"]) / US_PER_MS
