"""The server's kernel in virtual time: who is answered, who is half-open, and how that ends.

First packets are sent again after 1.024 s. A line that becomes half-open then sends its request again at
1.244, 1.664, 2.528, 4.224, 7.68, 14.592, 28.16, 55.296 and 110.592 s (0.22 s, then 0.416 s doubled each time,
to the next slot of the wheel). It is answered again at 2.048, 4.064, 8.192, 16.384 and 32.512 s, and
forgotten at 65.536 s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from harness.sim import loop as virtual
from harness.sim.provider import Line
from reports.virtual.handshakes import Handshakes
from tests.reports.virtual.lines import Heard


class Kernel:
    """One without a server: a scene knocks and accepts by hand; notes who joined, and who was reset."""

    def __init__(self, loop: virtual.VirtualLoop, backlog: int) -> None:
        self._loop = loop
        self.handshakes = Handshakes(backlog, loop, self._note_joined, self._note_reset)
        self.lines: list[Heard] = []
        self.joined_at: list[float] = []
        self.resets: list[tuple[int, float]] = []

    def _note_joined(self) -> None:
        self.joined_at.append(self._loop.time())

    def _note_reset(self, line: Line) -> None:
        self.resets.append((self.number(line), self._loop.time()))

    def number(self, line: Line) -> int:
        """Which one it was to knock."""
        return next(number for number, known in enumerate(self.lines) if known is line)

    def knock(self, count: int) -> list[bool]:
        """So many lines knock for the first time."""
        lines = [Heard(self._loop) for _ in range(count)]
        self.lines += lines
        return [self.handshakes.knock(line) for line in lines]

    def knock_again(self, *numbers: int) -> list[bool]:
        """Lines that were dropped knock once more."""
        return [self.handshakes.knock(self.lines[number]) for number in numbers]

    def accept(self, count: int = 1) -> list[tuple[int, float]]:
        """The next lines, and when their requests are there."""
        taken = [self.handshakes.accept() for _ in range(count)]
        return [(self.number(line), request_s) for line, request_s in taken]

    async def until(self, at_s: float) -> None:
        """Sleep to that second."""
        await asyncio.sleep(at_s - self._loop.time())

    async def overfill(self, extra: int, free: int = 1, *, backlog: int) -> None:
        """Fill the queue, drop `extra`, make room for `free`, and let the dropped ones knock again."""
        assert self.knock(backlog + 1 + extra) == [True] * (backlog + 1) + [False] * extra
        await self.until(1.0)
        self.accept(free)
        await self.until(1.024)
        assert self.knock_again(*range(backlog + 1, backlog + 1 + extra)) == [True] * extra


def _played(scene: Callable[[Kernel], Coroutine[object, object, None]], backlog: int) -> Kernel:
    async def main() -> Kernel:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, virtual.VirtualLoop)
        kernel = Kernel(loop, backlog)
        await scene(kernel)
        return kernel

    return virtual.run(main())


def test_who_knocks_first_is_through_before_the_next_one_knocks() -> None:
    async def scene(kernel: Kernel) -> None:
        assert kernel.knock(5) == [True, True, True, False, False]
        assert kernel.accept(3) == [(0, 0.0), (1, 0.0), (2, 0.0)]
        assert not kernel.handshakes.waiting

    assert _played(scene, backlog=2).joined_at == [0.0] * 3


@pytest.mark.parametrize(("room_at_s", "joins_at_s"), [(1.2, 1.244), (1.5, 1.664), (2.1, 2.528)])
def test_of_two_for_one_place_the_other_joins_when_its_request_is_sent_again_and_there_is_room(
    room_at_s: float, joins_at_s: float
) -> None:
    async def scene(kernel: Kernel) -> None:
        await kernel.overfill(2, backlog=2)
        await kernel.until(room_at_s)
        assert kernel.accept() == [(1, 0.0)]
        await kernel.until(5)
        assert kernel.accept(3) == [(2, 0.0), (3, 0.0), (4, 0.0)]
        assert kernel.handshakes.idle

    assert _played(scene, backlog=2).joined_at == [0.0, 0.0, 0.0, 1.024, joins_at_s]


def test_who_joins_with_a_repeated_answer_is_heard_when_its_request_comes_again() -> None:
    async def scene(kernel: Kernel) -> None:
        await kernel.overfill(2, backlog=2)
        await kernel.until(2)
        kernel.accept()
        await kernel.until(2.1)
        assert kernel.accept(3) == [(2, 0.0), (3, 0.0), (4, 2.528)]
        assert kernel.handshakes.idle

    assert _played(scene, backlog=2).joined_at[-1] == 2.048


@pytest.mark.parametrize(("room_at_s", "again_at_s", "answered"), [(1.3, 1.664, False), (2.1, 2.528, True)])
def test_a_request_sent_again_comes_now_before_and_now_after_a_first_packet_of_the_same_instant(
    room_at_s: float, again_at_s: float, *, answered: bool
) -> None:
    """Either way it takes the one place. Who knocked after it is dropped, who knocked before it half-open."""

    async def scene(kernel: Kernel) -> None:
        await kernel.overfill(2, backlog=2)
        await kernel.until(1.03)
        assert kernel.knock(1) == [False]
        knocker = asyncio.create_task(knock_again(kernel))
        await kernel.until(room_at_s)
        kernel.accept()
        await knocker
        await kernel.until(again_at_s + 0.001)
        assert (kernel.joined_at[-1], kernel.handshakes.idle) == (again_at_s, False)
        kernel.accept(3)
        assert kernel.handshakes.idle is not answered

    async def knock_again(kernel: Kernel) -> None:
        await kernel.until(again_at_s)
        assert kernel.knock_again(5) == [answered]

    _played(scene, backlog=2)


def test_who_is_forgotten_is_reset_when_its_request_is_sent_again() -> None:
    async def scene(kernel: Kernel) -> None:
        await kernel.overfill(2, backlog=2)
        await kernel.until(70)
        kernel.accept()  # too late for it
        await kernel.until(110)
        assert (kernel.resets, kernel.handshakes.idle) == ([], False)
        await kernel.until(111)
        assert kernel.handshakes.left(kernel.lines[4]) is False

    assert _played(scene, backlog=2).resets == [(4, 110.592)]


def test_in_a_crowd_of_old_ones_some_are_forgotten_after_two_answers() -> None:
    """Five of eight. At 8.192 s none is young any more: the first is forgotten; the four others are none."""

    async def scene(kernel: Kernel) -> None:
        await kernel.overfill(6, backlog=8)
        await kernel.until(120)

    # The first of the dropped had the place.
    assert _played(scene, backlog=8).resets == [(10, 14.592), *((n, 110.592) for n in range(11, 15))]


def test_when_as_many_are_half_open_as_the_backlog_is_long_the_rest_is_reset_at_once() -> None:
    """They were answered with cookies."""

    async def scene(kernel: Kernel) -> None:
        await kernel.overfill(4, backlog=2)
        await kernel.until(1.2)
        assert kernel.resets == [(5, 1.024), (6, 1.024)]
        kernel.accept()
        await kernel.until(1.3)
        assert kernel.accept(3) == [(2, 0.0), (3, 0.0), (4, 0.0)]
        assert kernel.handshakes.idle

    _played(scene, backlog=2)


def test_a_cookie_is_good_for_a_place() -> None:
    async def scene(kernel: Kernel) -> None:
        await kernel.overfill(3, free=3, backlog=2)
        await kernel.until(1.1)
        assert kernel.accept(3) == [(3, 0.0), (4, 0.0), (5, 0.0)]

    assert _played(scene, backlog=2).resets == []


def test_whose_client_has_left_is_held_until_it_is_accepted_or_reset() -> None:
    async def scene(kernel: Kernel) -> None:
        await kernel.overfill(3, backlog=3)
        left = kernel.handshakes.left
        assert left(kernel.lines[4])  # its last packet is under way
        await kernel.until(1.1)
        assert left(kernel.lines[1])  # in the queue
        assert left(kernel.lines[5])  # half-open
        assert not left(kernel.lines[0])  # accepted
        assert kernel.knock(1) == [False]
        assert not left(kernel.lines[7])  # dropped
        kernel.accept(4)
        await kernel.until(1.3)
        assert sorted(kernel.accept(2)) == [(5, 0.0), (6, 0.0)]
        assert kernel.handshakes.idle

    assert _played(scene, backlog=3).resets == []


def test_who_is_half_open_when_nobody_listens_any_more_is_reset_at_its_next_packet() -> None:
    async def scene(kernel: Kernel) -> None:
        await kernel.overfill(2, backlog=2)
        await kernel.until(1.3)
        assert [kernel.number(line) for line in kernel.handshakes.close()] == [1, 2, 3]
        assert kernel.knock(1) == [True]
        await kernel.until(5)
        assert kernel.accept() == [(5, 0.0)]
        assert kernel.handshakes.idle

    kernel = _played(scene, backlog=2)
    assert (kernel.resets, kernel.joined_at[-1]) == ([(4, 1.664)], 1.3)


def test_whose_last_packet_is_under_way_when_nobody_listens_any_more_is_reset_at_once() -> None:
    async def scene(kernel: Kernel) -> None:
        await kernel.overfill(2, backlog=2)
        assert [kernel.number(line) for line in kernel.handshakes.close()] == [1, 2, 3, 4]
        await kernel.until(5)
        assert kernel.handshakes.idle

    kernel = _played(scene, backlog=2)
    assert (kernel.resets, kernel.joined_at) == ([], [0.0] * 3)
