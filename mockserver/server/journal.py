"""Every request that was read: those under way, the last ones, the counts, and the log."""

from collections import deque
from collections.abc import Iterable
from typing import Any

from mockserver.clock import Clock
from mockserver.http.reply import Reply
from mockserver.server.alarm import Alarm
from mockserver.server.exchange import Exchange
from mockserver.server.measures import Measures
from mockserver.server.request_log import RequestLog

KEPT_REQUESTS = 1_000


class Journal:
    """Opens and closes exchanges; a request is in the log once it is closed."""

    def __init__(self, clock: Clock, alarm: Alarm, log: RequestLog) -> None:
        self._clock = clock
        self._alarm = alarm
        self._log = log
        self._open: dict[int, Exchange] = {}
        # Cut by a reset, and not yet closed.
        self._ending: dict[int, Exchange] = {}
        self.received = 0
        self.unread = 0
        self.measures = Measures()
        self.latest: deque[dict[str, Any]] = deque(maxlen=KEPT_REQUESTS)

    @property
    def in_flight(self) -> int:
        return len(self._open)

    @property
    def ending(self) -> int:
        """Requests from before the last reset whose line is still to be written."""
        return len(self._ending)

    def open(self, label: str, received_us: int, reply: Reply, request_id: str) -> Exchange:
        """A request was read, to be counted under that path: it gets the next arrival number, from 0 as call
        ids do.
        """
        exchange = Exchange(self.received, label, received_us, reply, request_id, self._alarm)
        self.received += 1
        self._open[id(exchange)] = exchange
        reply.connection.on_change = exchange.wake
        return exchange

    def close(self, exchange: Exchange) -> None:
        """The last of its reply is about to be handed over, or there will be no more of it. Does nothing the
        second time.
        """
        counts = self._open.pop(id(exchange), None) is not None
        if not counts and self._ending.pop(id(exchange), None) is None:
            return
        exchange.connection.on_change = None
        exchange.client_gone = exchange.connection.lost
        exchange.finished_us = self._clock.now_us()
        if exchange.cut is not None:
            exchange.fault = exchange.fault or exchange.cut
        row = exchange.row()
        self._log.write(row)
        if counts:
            self.latest.append(row)
            self.measures.add(exchange)

    def count_unread(self) -> None:
        """A caller left before its request was complete: nothing of it is in the log."""
        self.unread += 1

    def cut_all(self, why: str) -> None:
        """End everything under way without an answer."""
        self._cut(tuple(self._open.values()), why)

    def cut_hopeless(self, why: str) -> None:
        """End what would never be answered: silence that is meant, and work for callers who have left."""
        self._cut([item for item in self._open.values() if item.silent or item.connection.lost], why)

    def flush(self) -> None:
        """Hand the lines of the log to the system; raises LogError."""
        self._log.flush()

    def _cut(self, exchanges: Iterable[Exchange], why: str) -> None:
        for exchange in exchanges:
            exchange.cut = why
            exchange.wake()

    def begin_anew(self, why: str) -> None:
        """Cut everything under way, and forget the counts: the next arrival number is 0.

        What was cut gets its line in the log, and is counted nowhere.
        """
        self._ending |= self._open
        self._open = {}
        self._cut(self._ending.values(), why)
        self.received = 0
        self.unread = 0
        self.measures = Measures()
        self.latest.clear()
