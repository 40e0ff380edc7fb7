"""The server's kernel in virtual time: the queue of connections to accept, and handshakes on their way there.

While that queue is full, Linux drops first packets. It looks before it answers one, though, and again when
the handshake's last packet arrives: of several that were answered for one free place, one is let in, and the
others are half-open. Their clients think that they are connected and send requests which nobody hears.

The functions named here are of Linux, net/ipv4; what they do was measured on 6.18.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from harness.sim.linux import wheel
from harness.sim.loop import VirtualLoop
from harness.sim.provider import Line

#: A client's kernel sends a request that was not acknowledged again after so long, and a second time after
#: twice the timeout; then after twice as long each time (tcp_retransmit_timer). Measured on the loopback.
FIRST_RETRY_S = 0.22
RETRY_TIMEOUT_S = 0.208

#: A server's kernel sends the second packet of a handshake again after so long (TCP_TIMEOUT_INIT), then
#: after twice as long each time; at most so often (net.ipv4.tcp_synack_retries).
ANSWER_TIMEOUT_S = 1.0
ANSWER_RETRIES = 5

# reqsk_timer_handler: however crowded it is, so often; and what is no crowd.
_LEAST_RETRIES = 2
_FEW = 8


@dataclass(slots=True, eq=False)
class _HalfOpen:
    """A handshake whose last packet was dropped."""

    line: Line
    retry_s: float  # when its client sends its request again
    timeout_s: float = RETRY_TIMEOUT_S
    answers: int = 0  # repeated by the server
    remembered: bool = True  # by the server


class Handshakes:
    """What knocks is answered or dropped; `joined` is called when a line may be accepted.

    `reset` is told of those that the kernel knows nothing of when it hears from them. A line is held from its
    knock until it is accepted, reset, or has `left` without ever having been answered.

    What is sent over the loopback is handled in passes, all packets of one before the next (NET_RX_SOFTIRQ);
    a turn of the loop is a pass.
    """

    def __init__(
        self,
        backlog: int,
        loop: VirtualLoop,
        joined: Callable[[], None],
        reset: Callable[[Line], None],
    ) -> None:
        self._most = backlog
        self._loop = loop
        self._joined = joined
        self._reset = reset
        self._queue: deque[Line] = deque()
        self._dropped: set[Line] = set()
        self._answered: dict[Line, bool] = {}  # whether with a cookie; the last packet is under way
        self._half_open: dict[Line, _HalfOpen] = {}
        self._request_s: dict[Line, float] = {}  # of those that were let in without their request
        self._late = False  # whether the last request that was sent again came after first packets

    @property
    def waiting(self) -> bool:
        """Whether there is a line to accept."""
        return bool(self._queue)

    @property
    def idle(self) -> bool:
        """Whether nobody waits, nor may come to wait without a further knock."""
        return not (self._queue or self._answered or self._half_open)

    def knock(self, line: Line) -> bool:
        """A first packet: whether it is answered.

        The first time, connect() does the whole handshake before anything else happens. Later it is a timer
        that sends: all first packets of a slot arrive in one pass, their last packets two passes later.
        """
        if self._full():
            self._dropped.add(line)
            return False
        if line in self._dropped:
            self._dropped.discard(line)
            # inet_csk_reqsk_queue_is_full: then nothing is remembered, and a cookie is sent.
            self._answered[line] = self._remembered() >= self._most
            self._in_two_passes(lambda: self._last_packet(line))
        else:
            self._join(line)
        return True

    def accept(self) -> tuple[Line, float]:
        """The next in the queue, and the second at which its request is there; 0 if nothing delays it."""
        line = self._queue.popleft()
        return line, self._request_s.pop(line, 0.0)

    def left(self, line: Line) -> bool:
        """The client has gone: whether its kernel has still something to send, or to be read."""
        self._dropped.discard(line)
        return line in self._queue or line in self._answered or line in self._half_open

    def close(self) -> list[Line]:
        """Nobody listens any more: who is reset at once. The half-open are when they send again."""
        gone = [*self._queue, *self._answered]
        self._queue.clear()
        self._answered.clear()
        self._request_s.clear()
        for half in self._half_open.values():
            half.remembered = False
        return gone

    def _full(self) -> bool:
        """sk_acceptq_is_full: more than the backlog, so there is room for one more than that."""
        return len(self._queue) > self._most

    def _remembered(self) -> int:
        """reqsk_queue_len: handshakes that the server waits for."""
        answered = sum(not cookie for cookie in self._answered.values())
        return answered + sum(half.remembered for half in self._half_open.values())

    def _join(self, line: Line) -> None:
        self._queue.append(line)
        self._joined()

    def _last_packet(self, line: Line) -> None:
        """The last packet of a handshake (tcp_v4_syn_recv_sock): dropped where there is no place any more.

        A cookie in it is good for a place, too. The request that follows carries none, in its second segment:
        that is reset (cookie_v4_check).
        """
        cookie = self._answered.pop(line, None)
        if cookie is None:
            return
        if not self._full():
            self._join(line)
        elif cookie:
            self._reset(line)
        else:
            now_s = self._loop.time()
            half = self._half_open[line] = _HalfOpen(line, now_s + FIRST_RETRY_S)
            self._loop.call_at(half.retry_s, self._request_again, half)
            self._loop.call_at(wheel(now_s, ANSWER_TIMEOUT_S), self._answer_again, half)

    def _answer_again(self, half: _HalfOpen) -> None:
        """The server's timer (reqsk_timer_handler): it answers once more, or forgets the handshake."""
        if half.line not in self._half_open or not half.remembered:
            return
        if half.answers >= self._most_answers():
            half.remembered = False
            return
        half.answers += 1
        self._in_two_passes(lambda: self._join_late(half, heard=False))
        wait_s = ANSWER_TIMEOUT_S * 2**half.answers
        self._loop.call_at(wheel(self._loop.time(), wait_s), self._answer_again, half)

    def _most_answers(self) -> int:
        """Fewer where more than half of what may be remembered is, and little of it is young."""
        most, length = ANSWER_RETRIES, self._remembered()
        if 2 * length > max(_FEW, self._most):
            young = 2 * sum(half.remembered and not half.answers for half in self._half_open.values())
            while most > _LEAST_RETRIES and length >= young:
                most, young = most - 1, 2 * young
        return most

    def _request_again(self, half: _HalfOpen) -> None:
        """The client's timer: its request completes the handshake, or meets a server that has forgotten it.

        Its processor and those that repeat first packets keep timers of their own, which fire in no order:
        every other request arrives in the pass of the first packets of the same instant, the others before.
        """
        if half.line not in self._half_open:
            return
        if not half.remembered:
            del self._half_open[half.line]
            self._reset(half.line)
            return
        half.timeout_s *= 2
        half.retry_s = wheel(self._loop.time(), half.timeout_s)
        self._loop.call_at(half.retry_s, self._request_again, half)
        self._late = not self._late
        if self._late:
            self._loop.call_soon(lambda: self._join_late(half, heard=True))
        else:
            self._join_late(half, heard=True)

    def _join_late(self, half: _HalfOpen, *, heard: bool) -> None:
        """A packet for a half-open line (tcp_check_req): it is let in if there is a place by now.

        If that packet was not its request, it is heard when it is sent again.
        """
        line = half.line
        if line not in self._half_open or not half.remembered or self._full():
            return
        del self._half_open[line]
        if not heard:
            self._request_s[line] = half.retry_s
        self._join(line)

    def _in_two_passes(self, then: Callable[[], None]) -> None:
        """When what is sent now was received, and its answer came back."""
        self._loop.call_soon(lambda: self._loop.call_soon(then))
