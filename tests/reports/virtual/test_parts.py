"""Events cut into parts of a run: whole calls with all their attempts, as a reader of a run has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.model import (
    AttemptFinished,
    BreakerChanged,
    CallFinished,
    Event,
    LimitChanged,
    Outcome,
    Paused,
    Waited,
)
from harness.record.recorder import note_of
from reports.reading.load import read_run
from reports.reading.names import Names
from reports.virtual.parts import Parts
from tests.reports import runs
from tests.reports.virtual import small


def test_attempts_wait_for_the_part_that_has_their_call() -> None:
    parts = Parts(small.manifest())
    attempts = [AttemptFinished(runs.attempt(call, n, 0, 9)) for call, n in ((1, 1), (2, 1), (1, 2))]
    first = parts.part([*attempts[:2], CallFinished(runs.call(2, 0, 9))])
    second = parts.part([attempts[2], CallFinished(runs.call(1, 0, 9, attempts=2))])
    assert first.calls.call_id.tolist() == first.attempts.call_id.tolist() == [2]
    assert second.calls.call_id.tolist() == [1]
    assert second.attempts.call_id.tolist() == [1, 1]


def test_a_call_without_an_attempt_is_a_call() -> None:
    run = Parts(small.manifest()).part([CallFinished(runs.call(5, 0, 0, Outcome.REJECTED, attempts=0))])
    assert (len(run.calls), len(run.attempts)) == (1, 0)


def test_nothing_is_a_part_too() -> None:
    run = Parts(small.manifest()).part([])
    assert (len(run.calls), len(run.attempts), len(run.events.name)) == (0, 0, 0)


@pytest.mark.parametrize("name", ["paper", "spoken"])
def test_a_part_holds_what_a_reader_of_the_run_gets(name: str, paper: Path, spoken: Path) -> None:
    events: list[Event] = (
        runs.paper_events()
        if name == "paper"
        else [*map(AttemptFinished, runs.SPOKEN_ATTEMPTS), *map(CallFinished, runs.SPOKEN_CALLS)]
    )
    part, read = Parts(small.manifest()).part(events), read_run(paper if name == "paper" else spoken)
    for frame in ("calls", "attempts", "events"):
        ours, theirs = getattr(part, frame), getattr(read, frame)
        for column in type(ours).__dataclass_fields__:
            mine, its = getattr(ours, column), getattr(theirs, column)
            if column == "output_ns":
                assert mine.bounds.tolist() == its.bounds.tolist()
                assert (mine.values - its.values).tolist() == [runs.ORIGIN_NS] * len(its.values)
                continue
            if isinstance(its, Names):
                assert (mine.tolist(), mine.codes.dtype) == (its.tolist(), its.codes.dtype), column
                continue
            assert mine.dtype == its.dtype, column
            # The recorder takes the run's start off the clock's readings; a virtual clock starts at 0.
            at = column in {"intended_ns", "start_ns", "sent_ns", "end_ns", "at_ns", "first_token_ns"}
            expected = np.where(its == -1, its, its + runs.ORIGIN_NS) if at else its
            assert mine.tolist() == expected.tolist(), column


def test_what_is_no_row_of_the_other_tables_is_a_note() -> None:
    breaker = note_of(BreakerChanged(7, "closed", "open", 0))
    limit = note_of(LimitChanged(8, 20, 19, 1))
    pause = note_of(Paused(9, 2_500_000_000, 0))
    assert breaker is not None
    assert limit is not None
    assert pause is not None
    assert (breaker.at_ns, breaker.name, breaker.text) == (7, "breaker", "open")
    assert (limit.at_ns, limit.name, limit.value) == (8, "fallback_limit", 19)
    assert (pause.at_ns, pause.name, pause.value) == (9, "pause", 2.5)
    assert note_of(CallFinished(runs.call(0, 0, 9))) is None
    assert note_of(AttemptFinished(runs.attempt(0, 1, 0, 9))) is None
    assert note_of(Waited(0, 5, 9, Outcome.TIMEOUT)) is None  # its length stands in the call's row
