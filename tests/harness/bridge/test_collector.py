"""The garbage collector during a run."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from harness.bridge.collector import FULL_EVERY_S, YOUNG_EVERY_S, QuietCollector
from harness.clock import now_ns
from harness.sim.loop import now_ns as virtual_ns
from harness.sim.loop import run


class Node:
    """May stand in a cycle."""

    def __init__(self) -> None:
        self.other: Node | None = None


def cycle() -> weakref.ref[Node]:
    one, two = Node(), Node()
    one.other, two.other = two, one
    return weakref.ref(one)


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    yield
    gc.enable()
    gc.unfreeze()


def test_everything_is_as_it_was_after_the_run() -> None:
    callbacks, frozen = list(gc.callbacks), gc.get_freeze_count()
    collector = QuietCollector(now_ns, lambda *_: None)

    collector.start()
    assert not gc.isenabled()
    assert gc.get_freeze_count() > frozen
    collector.stop()
    collector.stop()

    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    assert gc.callbacks == callbacks


def test_each_pass_is_told_with_its_generation_and_its_length() -> None:
    told: list[tuple[int, int, int]] = []
    collector = QuietCollector(now_ns, lambda *pause: told.append(pause))
    collector.start()
    told.clear()
    began_ns = now_ns()
    gc.collect(1)
    collector.stop()

    ((at_ns, generation, pause_ns),) = told
    assert generation == 1
    assert 0 < pause_ns <= at_ns - began_ns


def test_young_cycles_go_at_once_and_old_ones_with_the_next_full_pass() -> None:
    told: list[int] = []

    async def main() -> tuple[bool, bool]:
        collector = QuietCollector(virtual_ns, lambda _at, generation, _pause: told.append(generation))
        collector.start()
        watch = asyncio.create_task(collector.run())
        young = cycle()
        held = Node()
        await asyncio.sleep(2.5 * YOUNG_EVERY_S)
        gone_at_once = young() is None
        old = weakref.ref(held)
        held.other = held
        del held  # has outlived a pass: a young one does not see it
        await asyncio.sleep(5 * YOUNG_EVERY_S)
        stayed = old() is not None
        await asyncio.sleep(FULL_EVERY_S)
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        collector.stop()
        assert gone_at_once
        return stayed, old() is None

    assert run(main()) == (True, True)
    assert told.count(2) == 1
    assert told.count(0) > FULL_EVERY_S / YOUNG_EVERY_S * 0.9
