"""Who receives messages while somebody waits for what they tell."""

from __future__ import annotations

from collections.abc import Callable

import gevent
import pytest
from gevent.event import Event
from gevent.queue import Queue

from harness.bridge import listening as module
from harness.bridge.listening import Listening


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.001)


class Line:
    """Messages are calls; whoever receives makes them."""

    def __init__(self) -> None:
        self.queue: Queue[Callable[[], object]] = Queue()
        self.listening = Listening(self.receive)
        self.usual = gevent.spawn(self.receive)

    def receive(self) -> None:
        while True:
            message = self.queue.get()
            self.listening.here()
            message()

    def waits(self) -> None:
        """A message that makes its receiver wait for a later one."""
        told = Event()
        self.queue.put(told.set)
        with self.listening.held_open():
            assert told.wait(5), "waited in vain"


@pytest.fixture
def line() -> Line:
    line = Line()
    known = Event()
    line.queue.put(known.set)
    assert known.wait(5)
    return line


def test_a_receiver_may_wait_for_what_it_would_receive_itself(line: Line) -> None:
    done = Event()
    line.queue.put(lambda: (line.waits(), done.set()))
    assert done.wait(5)
    assert line.usual.exception is None


def test_and_so_may_who_stands_in_for_it(line: Line) -> None:
    done = Event()

    def again() -> None:
        line.waits()
        done.set()

    def first() -> None:
        line.queue.put(again)
        with line.listening.held_open():
            assert done.wait(5)

    line.queue.put(first)
    assert done.wait(5)


def test_who_waits_is_told_though_the_receiver_has_ended(line: Line) -> None:
    line.usual.kill()
    line.waits()


def test_or_ends_meanwhile(line: Line) -> None:
    told = Event()
    with line.listening.held_open():
        line.usual.kill()
        line.queue.put(told.set)
        assert told.wait(5)


def test_nobody_stands_in_while_the_receiver_receives(line: Line) -> None:
    seen: list[gevent.Greenlet] = []
    with line.listening.held_open():
        gevent.sleep(0.01)
        line.queue.put(lambda: seen.append(gevent.getcurrent()))
        gevent.sleep(0.01)
    assert seen == [line.usual]


def test_where_nothing_ever_came_nobody_stands_in() -> None:
    never = Listening(lambda: pytest.fail("nobody is to receive"))
    with never.held_open():
        gevent.sleep(0.01)
