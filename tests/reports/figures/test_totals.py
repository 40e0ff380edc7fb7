"""A run summed up in parts comes to what it comes to as a whole; samples may wait on disk."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model import AttemptFinished, CallFinished, Event
from reports.figures import totals
from reports.figures.objectives import DEFAULT, parse
from reports.figures.totals import Samples, Totals, finite
from reports.reading.load import read_run
from reports.reading.run import Run
from reports.summary.result import summarise
from reports.virtual.parts import Parts
from tests.reports import runs
from tests.reports.virtual import small

STREAMS = parse(["call_latency:2000", "itl:60"])


def spoken_events() -> list[Event]:
    """The spoken run in the order of a client: a call ends after its attempts."""
    told: list[tuple[int, int, Event]] = [
        *((a.end_ns, 0, AttemptFinished(a)) for a in runs.SPOKEN_ATTEMPTS),
        *((c.end_ns, 1, CallFinished(c)) for c in runs.SPOKEN_CALLS),
    ]
    return [event for _, _, event in sorted(told, key=lambda one: one[:2])]


def summed(parts: list[Run], objectives: Any) -> dict[str, Any]:
    """The figures of a run's parts."""
    sums = Totals(objectives)
    for part in parts:
        sums.add(part)
    return sums.figures(offered=12, clients=[0], window_ns=12 * runs.S)


@given(st.sets(st.integers(0, 30)), st.sampled_from(["paper", "spoken"]))
def test_parts_come_to_what_the_whole_does(cuts: set[int], name: str) -> None:
    events = runs.paper_events() if name == "paper" else spoken_events()
    objectives = DEFAULT if name == "paper" else STREAMS
    bounds = [0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]
    cutter = Parts(small.manifest())
    parts = [cutter.part(events[a:b]) for a, b in pairwise(bounds)]
    found = summed(parts, objectives)
    assert found == summed([Parts(small.manifest()).part(events)], objectives)
    assert found["calls"] == (12 if name == "paper" else 6)


def test_they_are_the_figures_of_the_summary(paper: Path, spoken: Path) -> None:
    for folder, events, objectives in (
        (paper, runs.paper_events(), DEFAULT),
        (spoken, spoken_events(), STREAMS),
    ):
        summary = summarise(read_run(folder), objectives)
        found = summed([Parts(small.manifest()).part(events)], objectives)
        # The breaker's times are the one thing that counts from the run's start, 5 s on the client's clock.
        own = {key for key in found if key not in {"breaker_open_fraction", "offered_rate"}}
        assert {key: found[key] for key in own} == {key: summary[key] for key in own}


def test_a_breaker_that_opens_in_one_part_and_closes_in_another() -> None:
    events = runs.paper_events()
    place = next(i for i, event in enumerate(events) if event is runs.PAPER_BREAKER[1])
    cutter = Parts(small.manifest())
    found = summed([cutter.part(events[:place]), cutter.part(events[place:])], DEFAULT)
    # On a clock whose zero is 5 s before the run's start, it opens at 10 s and closes after the window's 12.
    assert found["breaker_open_fraction"] == pytest.approx(2 / 12)


def test_samples_keep_their_order_whether_on_disk_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "MOST_HELD_BYTES", 100)
    samples, expected = Samples(), np.arange(1000, dtype=np.float64)
    for part in np.array_split(expected, 37):
        samples.add(part)
    assert samples._file is not None
    assert samples.all().tolist() == expected.tolist()
    samples.add(np.array([math.inf, -1.5]))
    assert samples.all().tolist() == [*expected.tolist(), math.inf, -1.5]  # asked again, and added to


def test_figures_do_not_depend_on_where_samples_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    events = spoken_events()
    held = summed([Parts(small.manifest()).part(events)], STREAMS)
    monkeypatch.setattr(totals, "MOST_HELD_BYTES", 0)
    cutter = Parts(small.manifest())
    assert summed([cutter.part([event]) for event in events], STREAMS) == held


def test_samples_of_nothing_are_none() -> None:
    assert Samples().all().tolist() == []


def test_figures_as_json_holds_them() -> None:
    assert [finite(v) for v in (None, 3, 0.1234567894, math.inf)] == [None, 3, 0.123457, "inf"]
