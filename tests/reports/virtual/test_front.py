"""The front in virtual time: backlog, gate, bound on open lines, faults of connections."""

from __future__ import annotations

import asyncio
import select
import socket
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, suppress
from random import Random

import pytest

from harness.sim import loop as virtual
from harness.sim.linux import SYN_WAITS_S
from harness.sim.transport import SimTransport
from harness.transport.base import HttpRequest, TransportError
from mockserver.clock import Clock
from reports.virtual.provider import VirtualMock
from tests.reports.virtual.lines import US, Door
from tests.reports.virtual.sides import Asker, bare, connections, in_virtual_time, on_sockets, profile

SLOW = {"connections_per_s": 2, "burst": 1}

Scene = Callable[[Door], Coroutine[object, object, None]]


def _played(scene: Scene, **sections: object) -> Door:
    async def main() -> Door:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, virtual.VirtualLoop)
        door = Door(loop, **sections)
        await scene(door)
        return door

    return virtual.run(main())


def test_where_nothing_is_limited_everybody_is_served_at_once() -> None:
    async def scene(door: Door) -> None:
        assert [door.knock() for _ in range(2000)] == ["opened"] * 2000

    assert _played(scene).served_at == [(number, 0.0) for number in range(2000)]


def test_a_burst_is_let_in_at_once_and_the_others_at_the_rate() -> None:
    async def scene(door: Door) -> None:
        assert {door.knock() for _ in range(5)} == {"opened"}
        await asyncio.sleep(10)

    door = _played(scene, front={"connections_per_s": 4, "burst": 2})
    assert door.served_at == [(0, 0.0), (1, 0.0), (2, 0.25), (3, 0.5), (4, 0.75)]


def test_a_burst_is_saved_up_again_and_no_more_than_that() -> None:
    async def scene(door: Door) -> None:
        door.knock()
        door.knock()
        await asyncio.sleep(60)
        for _ in range(3):
            door.knock()
        await asyncio.sleep(10)

    door = _played(scene, front={"connections_per_s": 4, "burst": 2})
    assert door.served_at == [(0, 0.0), (1, 0.0), (2, 60.0), (3, 60.0), (4, 60.25)]


def test_the_kernel_keeps_one_more_than_the_backlog_and_drops_the_rest() -> None:
    async def scene(door: Door) -> None:
        assert [door.knock() for _ in range(6)] == ["opened"] * 4 + ["dropped"] * 2
        await asyncio.sleep(0.5)
        assert [door.knock() for _ in range(2)] == ["opened", "dropped"]
        await asyncio.sleep(10)

    door = _played(scene, front=SLOW | {"backlog": 2})
    # The first has passed the gate; three wait; the seventh came when one of them had been let in.
    assert door.served_at == [(0, 0.0), (1, 0.5), (2, 1.0), (3, 1.5), (6, 2.0)]


def test_no_more_are_open_than_allowed_and_who_leaves_lets_the_next_in() -> None:
    async def scene(door: Door) -> None:
        assert {door.knock() for _ in range(4)} == {"opened"}
        await asyncio.sleep(1)
        door.leave(1)
        await asyncio.sleep(1)
        door.leave(0)
        await asyncio.sleep(1)

    door = _played(scene, front={"max_open": 2})
    assert door.served_at == [(0, 0.0), (1, 0.0), (2, 1.0), (3, 2.0)]


def test_who_leaves_the_backlog_is_let_in_all_the_same_and_holds_no_place() -> None:
    """The kernel gives the server what it has: a connection with a request, and its end."""

    async def scene(door: Door) -> None:
        for _ in range(4):
            door.knock()
        door.leave(1)
        await asyncio.sleep(10)

    door = _played(scene, front=SLOW | {"max_open": 2})
    assert door.served == [(0, False, 0.0), (1, True, 0.5), (2, False, 1.0)]


def test_while_connections_are_refused_nobody_waits() -> None:
    """From second 1 to 2; who waits in the backlog then is reset, who had left it is forgotten."""

    async def scene(door: Door) -> None:
        assert {door.knock() for _ in range(5)} == {"opened"}
        door.leave(4)
        await asyncio.sleep(1.5)
        assert door.knock() == "refused"
        await asyncio.sleep(0.5)
        assert door.knock() == "opened"
        await asyncio.sleep(1)

    refuse = {"action": "refuse", "from_s": 1, "to_s": 2}
    door = _played(scene, front=SLOW, connection_faults=[refuse])
    # The second one was due at 0.5 s, the third at 1 s: the server looked first whether it listens.
    assert door.served_at == [(0, 0.0), (1, 0.5), (6, 2.0)]
    assert [line.heard for line in door.lines[2:4]] == [[("reset", 1.0)], [("reset", 1.0)]]
    assert door.forgotten == [4]


def test_those_who_wait_for_a_place_are_reset_too_when_nobody_listens_any_more() -> None:
    """No gate wakes the front for them, nor a further knock."""

    async def scene(door: Door) -> None:
        assert {door.knock() for _ in range(2)} == {"opened"}
        await asyncio.sleep(5)

    refuse = {"action": "refuse", "from_s": 1, "to_s": 2}
    door = _played(scene, front={"max_open": 1}, connection_faults=[refuse])
    assert [line.heard for line in door.lines] == [[], [("reset", 1.0)]]


def test_refusals_are_drawn_for_every_tenth_of_a_second() -> None:
    async def scene(door: Door) -> None:
        for _ in range(1000):
            knocks.append([door.knock() for _ in range(3)])
            await asyncio.sleep(0.1)

    knocks: list[list[str]] = []
    _played(scene, connection_faults=[{"action": "refuse", "probability": 0.3}])
    assert all(len(set(knock)) == 1 for knock in knocks)
    # 1,000 draws of 0.3: four standard deviations are 58.
    assert 242 < sum(knock[0] == "refused" for knock in knocks) < 358


def test_a_line_that_is_reset_on_accept_is_gone_at_once() -> None:
    async def scene(door: Door) -> None:
        assert [door.knock() for _ in range(3)] == ["reset"] * 3
        assert {door.knock() for _ in range(2)} == {"opened"}
        await asyncio.sleep(1)

    front = {"max_open": 1, "connections_per_s": 2, "burst": 3}
    door = _played(scene, front=front, connection_faults=[{"action": "reset"}])
    # Who had to wait has sent its request by then.
    assert [line.heard for line in door.lines] == [[], [], [], [("reset", 0.5)], [("reset", 1.0)]]
    assert (door.served, door.front.accepted) == ([], 5)


def test_a_line_that_hangs_holds_its_place_until_the_server_sweeps() -> None:
    """It looks every half a second whether the clients of those it does not read are still there."""

    async def scene(door: Door) -> None:
        for _ in range(2):
            door.knock()
        await asyncio.sleep(0.7)
        door.leave(0)
        await asyncio.sleep(0.29)
        assert door.front.accepted == 1
        await asyncio.sleep(0.02)
        assert door.front.accepted == 2

    door = _played(scene, front={"max_open": 1}, connection_faults=[{"action": "hang"}])
    assert [line.heard for line in door.lines] == [[], []]


async def _half_open(door: Door) -> None:
    """One is open, three wait, and line 5 is half-open: at 1.024 s it came for the place of line 4."""
    assert [door.knock() for _ in range(6)] == ["opened"] * 4 + ["dropped"] * 2
    await asyncio.sleep(1)
    door.leave(0)
    await asyncio.sleep(0.024)
    assert [door.knock_again(number) for number in (4, 5)] == ["opened"] * 2


ONE_BY_ONE = {"max_open": 1, "backlog": 2}


def test_who_leaves_half_open_is_let_in_all_the_same_and_holds_no_place() -> None:
    async def scene(door: Door) -> None:
        await _half_open(door)
        await asyncio.sleep(0.076)
        door.leave(5)
        for number in range(1, 5):
            await asyncio.sleep(0.1)
            door.leave(number)
        assert door.front._kernel.idle

    door = _played(scene, front=ONE_BY_ONE)
    assert [(number, left) for number, left, _ in door.served] == [
        *((number, False) for number in range(5)),
        (5, True),
    ]


def test_who_leaves_half_open_and_is_never_let_in_is_forgotten() -> None:
    async def scene(door: Door) -> None:
        await _half_open(door)
        await asyncio.sleep(1)
        door.leave(5)
        await asyncio.sleep(108)
        assert door.forgotten == []
        await asyncio.sleep(1)

    door = _played(scene, front=ONE_BY_ONE)
    assert (door.forgotten, door.lines[5].heard) == ([5], [])


def test_who_is_half_open_while_connections_are_refused_is_reset_at_its_next_packet() -> None:
    """At 1.1 s nobody listens; at 1.2 s somebody does again. Its request comes again at 1.244 s."""

    async def scene(door: Door) -> None:
        await _half_open(door)
        await asyncio.sleep(5)
        assert door.front._kernel.idle

    refuse = {"action": "refuse", "from_s": 1.1, "to_s": 1.2}
    door = _played(scene, front=ONE_BY_ONE, connection_faults=[refuse])
    assert [line.heard for line in door.lines[1:]] == [
        [],
        *([("reset", pytest.approx(1.1))] for _ in range(3)),
        [("reset", 1.244)],
    ]
    assert door.forgotten == []


@pytest.mark.parametrize("leaves", [False, True])
def test_who_is_accepted_before_its_request_is_there_is_open_until_it_is_heard(*, leaves: bool) -> None:
    """At 2.048 s there is room, and the handshake is answered again; the request comes again at 2.528 s, and
    with it the end, if its client has left. Only then does it make room for line 6.
    """

    async def scene(door: Door) -> None:
        await _half_open(door)
        await asyncio.sleep(0.976)
        door.leave(1)
        for number in (2, 3, 4):
            await asyncio.sleep(0.1)
            door.leave(number)
        assert (door.front.accepted, door.knock()) == (6, "opened")
        if leaves:
            door.leave(5)
        await asyncio.sleep(5)
        assert door.front._unheard == {}

    door = _played(scene, front=ONE_BY_ONE)
    assert door.served[5:] == ([(5, True, 2.528), (6, False, 2.528)] if leaves else [(5, False, 2.528)])


@pytest.mark.parametrize("seed", range(6))
def test_nothing_of_anybody_is_kept_however_it_ended(seed: int) -> None:
    """Three times as many as are let in, who wait between half a second and six for a connection and a reply;
    some are refused, some reset, some hang, and the last of them are long gone.
    """
    rng = Random(seed)
    faults = [
        {"action": "refuse", "probability": 0.02},
        {"action": "reset", "probability": 0.1},
        {"action": "hang", "probability": 0.1},
    ]
    played = profile(
        front={"connections_per_s": 5, "burst": 1, "backlog": 6, "max_open": 4},
        connection_faults=faults,
    )
    ends: Counter[str] = Counter()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, virtual.VirtualLoop)
        mock = VirtualMock(played, seed, loop)

        async def one() -> None:
            await asyncio.sleep(rng.uniform(0, 20))
            waits_s = {"connect_timeout_s": rng.uniform(0.5, 6), "read_timeout_s": rng.uniform(0.5, 6)}
            transport = SimTransport(connections(reuse=False, **waits_s), mock)
            try:
                async with asyncio.timeout(rng.uniform(0.5, 12)):
                    await (await transport.open(request)).aclose()
                ends["ok"] += 1
            except TransportError as error:
                ends[str(error.fault)] += 1
            except TimeoutError:
                ends["left"] += 1
            await transport.aclose()

        await asyncio.gather(*(one() for _ in range(300)))
        await asyncio.sleep(300)
        front = mock._front
        assert front._kernel.idle
        assert (front._kernel._dropped, front._kernel._request_s) == (set(), {})
        assert (front._left, front._unheard, front._open, front._held) == (set(), {}, set(), set())
        assert (mock._served, mock._early, mock._by_line, mock._engine._by_ticket) == (set(), {}, {}, {})

    request = HttpRequest("POST", "http://virtual.invalid/v1/chat/completions", {}, b"{}")
    virtual.run(main())
    assert set(ends) == {"ok", "connect", "connect_timeout", "read", "read_timeout", "left"}, f"seed {seed}"


def test_a_door_in_the_way_is_felt_alike_in_both_times() -> None:
    """One connection a request, five let in a second: four fit the backlog of three, two are dropped and come
    back after their SYN's own time.
    """

    async def main(asker: Asker) -> None:
        await asyncio.gather(*(asker.ask() for _ in range(7)))

    front = {"connections_per_s": 5, "burst": 1, "backlog": 3}
    policy, played = bare(reuse=False, connect_timeout_s=0.9), profile(front=front)
    real = on_sockets(main, played, policy)
    virtual_ = in_virtual_time(main, played, policy)
    ends = sorted((a.selector, round((a.end_ns - a.sent_ns) / 1e9, 3)) for a in virtual_.attempts)
    assert ends == [
        *(("ok", at_s) for at_s in (0.0, 0.2, 0.4, 0.6, 0.8)),
        ("timeout.connect_timeout", 0.9),
        ("timeout.connect_timeout", 0.9),
    ]
    felt = sorted((a.selector, (a.end_ns - a.sent_ns) / 1e9) for a in real.attempts)
    # Over sockets all of a burst knock before anything is accepted: one fewer may find a place.
    late = [at_s for selector, at_s in felt if selector == "timeout.connect_timeout"]
    assert len(late) in {2, 3}
    assert late == pytest.approx([0.9] * len(late), abs=0.1)
    served = [at_s for selector, at_s in felt if selector == "ok"]
    assert served == pytest.approx([at_s for _, at_s in ends[: len(served)]], abs=0.1)


@pytest.mark.parametrize("abandon", [False, True])
def test_the_request_of_who_left_the_backlog_is_worked_on_for_nobody_unless_work_is_abandoned(
    *, abandon: bool
) -> None:
    """It is let in after 0.2 s, 0.15 s after its client has left, and takes 0.6 s."""

    async def main(asker: Asker) -> None:
        await asker.ask(x_primetime_tokens="1")
        asker.note()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await asker.ask(x_primetime_tokens="6")
        asker.note()
        await asyncio.sleep(0.25)
        asker.note()

    played = profile(
        front={"connections_per_s": 5, "burst": 1, "backlog": 3},
        capacity={"slots": 5, "abandon_when_client_gone": abandon},
        inter_token={"mean_ms": 100, "cv": 0},
        limits={"rpm": 1000},
    )
    policy = bare(reuse=False)
    real, virtual_ = on_sockets(main, played, policy), in_virtual_time(main, played, policy)
    assert virtual_.stats == real.stats
    assert [(s["accepted"], s["running"]) for s in virtual_.stats] == [
        (1, 0),
        (1, 0),
        (2, 0 if abandon else 1),
        (2, 0 if abandon else 1),
    ]


def test_this_kernel_keeps_one_more_than_the_backlog_and_sends_a_dropped_syn_again_when_we_think() -> None:
    """A socket that listens and does not accept; when half a second later it does, once, the SYN that was
    dropped finds a place with its first repetition.
    """
    with ExitStack() as stack, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(2)
        knocking = [stack.enter_context(socket.socket()) for _ in range(4)]
        for sock in knocking:
            sock.setblocking(False)
            sock.connect_ex(listening.getsockname())
        clock = Clock()
        assert select.select([], knocking, [], 0)[1] == knocking[:3]
        assert select.select([], knocking[3:], [], 0.5)[1] == []
        stack.enter_context(listening.accept()[0])
        assert select.select([], knocking[3:], [], 3)[1] == knocking[3:]
        assert clock.now_us() / US == pytest.approx(SYN_WAITS_S[0], abs=0.1)
