"""What stands in the columns of a run, in the order of `harness.record.schema`."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

import msgspec
import numpy as np

from harness.model import Attempt, Call, Level, Levels
from harness.record.arrow import Cells
from harness.units import NS

_NO_OUTPUT = array("q")

_NO_LEVELS = Levels()


class Note(msgspec.Struct, frozen=True, gc=False):
    """A row of the events table; `at_ns` is still of the clock."""

    at_ns: int
    name: str
    text: str
    value: float


def call_cells(worker: int, zero_ns: int, calls: list[Call]) -> list[Cells]:
    """The columns of `CALLS`; times relative to `zero_ns`."""
    tags = [c.tag for c in calls]
    usages = [c.usage for c in calls]
    return [
        [c.call_id for c in calls],
        _same(worker, calls),
        [t.shop for t in tags],
        [t.kind for t in tags],
        [c.model for c in calls],
        _since(zero_ns, (c.intended_ns for c in calls)),
        _since(zero_ns, (c.start_ns for c in calls)),
        _since(zero_ns, (c.end_ns for c in calls)),
        [c.outcome for c in calls],
        [c.stopped_by for c in calls],
        [c.attempts for c in calls],
        [c.permit_wait_ns for c in calls],
        [c.backoff_ns for c in calls],
        [c.status for c in calls],
        [c.code for c in calls],
        [None if u is None else u.prompt_tokens for u in usages],
        [None if u is None else u.completion_tokens for u in usages],
        [t.planned_prompt_tokens for t in tags],
        [t.planned_completion_tokens for t in tags],
        [c.detail for c in calls],
        [None if c.accepted_ns is None else c.accepted_ns - zero_ns for c in calls],
        [None if c.taken_up_ns is None else c.taken_up_ns - zero_ns for c in calls],
    ]


def attempt_cells(worker: int, zero_ns: int, attempts: list[Attempt]) -> list[Cells]:
    """The columns of `ATTEMPTS`; times relative to `zero_ns`."""
    usages = [a.usage for a in attempts]
    told = [a.levels or _NO_LEVELS for a in attempts]
    return [
        [a.call_id for a in attempts],
        [a.number for a in attempts],
        _same(worker, attempts),
        _since(zero_ns, (a.sent_ns for a in attempts)),
        [None if a.headers_ns is None else a.headers_ns - zero_ns for a in attempts],
        [None if a.first_token_ns is None else a.first_token_ns - zero_ns for a in attempts],
        [_NO_OUTPUT if a.output_ns is None else np.subtract(a.output_ns, zero_ns) for a in attempts],
        _since(zero_ns, (a.end_ns for a in attempts)),
        [a.outcome for a in attempts],
        [a.fault for a in attempts],
        [a.status for a in attempts],
        [a.code for a in attempts],
        [None if a.retry_after_s is None else round(a.retry_after_s * NS) for a in attempts],
        [a.permit_wait_ns for a in attempts],
        [None if u is None else u.prompt_tokens for u in usages],
        [None if u is None else u.completion_tokens for u in usages],
        [None if a.reply is None else a.reply.finish_reason for a in attempts],
        _limits(t.requests for t in told),
        _left(t.requests for t in told),
        _limits(t.tokens for t in told),
        _left(t.tokens for t in told),
        _limits(t.input_tokens for t in told),
        _limits(t.output_tokens for t in told),
        [a.request_id for a in attempts],
        [a.route for a in attempts],
    ]


def note_cells(worker: int, zero_ns: int, notes: list[Note]) -> list[Cells]:
    """The columns of `EVENTS`; times relative to `zero_ns`."""
    return [
        _same(worker, notes),
        _since(zero_ns, (n.at_ns for n in notes)),
        [n.name for n in notes],
        [n.text for n in notes],
        [n.value for n in notes],
    ]


def _same(worker: int, rows: Cells) -> Cells:
    return np.full(len(rows), worker, dtype=np.int16)


def _limits(levels: Iterable[Level | None]) -> Cells:
    return [None if level is None else level.limit for level in levels]


def _left(levels: Iterable[Level | None]) -> Cells:
    return [None if level is None else level.remaining for level in levels]


def _since(zero_ns: int, instants_ns: Iterable[int]) -> Cells:
    return np.fromiter(instants_ns, dtype=np.int64) - zero_ns
