"""The mock server in virtual time: its own decisions and its own words, without a socket or a process.

What `mockserver.server` does with tasks and sockets is done here by timers of the virtual loop: the same core
decides, the same dialects read and write, and a reply arrives at the client in the microsecond it is due.
What a network and a kernel add in real time (tenths of a millisecond) is not there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from email.utils import formatdate

import msgspec

from harness.sim.loop import VirtualLoop
from harness.sim.provider import Knock, Line
from harness.transport.base import HttpRequest
from mockserver.core.decide import TICK_US, Core
from mockserver.core.decisions import Fault, Generate, Start
from mockserver.core.pacing import due_us, events_due
from mockserver.errors import WireError
from mockserver.profile import Profile
from mockserver.rules import RequestRule
from mockserver.wire.answer import Answer, Headers, Moment, Stream
from mockserver.wire.dialect import Dialect
from mockserver.wire.dialects import ANTHROPIC, OPENAI
from mockserver.wire.identity import read_ids
from mockserver.wire.intake import read_request, refused
from mockserver.wire.request import ParsedRequest
from mockserver.wire.spoil import spoil_stream, spoil_whole
from reports.virtual.drip import Drip
from reports.virtual.front import NS_PER_US, US_PER_S, Front

#: What is generated, and in whose words.
DIALECTS = {"/v1/chat/completions": OPENAI, "/v1/messages": ANTHROPIC}

#: The wall clock at the start of every virtual run: 20:00 in Bangkok, on a date of no meaning.
EPOCH_US = 1_760_014_800 * US_PER_S

_LAST_CHUNK = b"0\r\n\r\n"

_STREAM_HEADERS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}


class Exchange(msgspec.Struct, eq=False):
    """A request under way; `line` is None once nobody listens. Times in microseconds.

    `swallows`: how many more bytes on the wire a chunk takes whose length was told too long; -1 for none.
    """

    line: Line | None
    dialect: Dialect
    parsed: ParsedRequest
    moment: Moment
    generate: Generate | None = None
    started_us: int = 0
    start: Start | None = None
    stream: Stream | None = None
    events: int = 0
    timer: asyncio.TimerHandle | None = None
    drip: Drip | None = None
    swallows: int = -1


Handler = Callable[[Exchange], None]


class VirtualMock:
    """A provider for `harness.sim.transport.SimTransport`: a profile, on an evening, with a seed."""

    def __init__(self, profile: Profile, seed: int, loop: VirtualLoop) -> None:
        self.core = Core(profile, seed, 0)
        self.requests = 0
        self.billed_tokens = 0  # prompts and what was written, for whomever
        self._loop = loop
        self._front = Front(self.core, loop, self._serve, self._forget)
        self._served: set[Line] = set()
        # Requests that were sent before their line was accepted.
        self._early: dict[Line, HttpRequest] = {}
        self._by_line: dict[Line, Exchange] = {}
        self._by_ticket: dict[int, Exchange] = {}
        self._ticking = False
        self._abandons = profile.capacity.abandon_when_client_gone
        self._ticks = bool(profile.capacity.background)

    # What the transport calls.

    def connect(self, line: Line) -> Knock:
        """A first packet has arrived."""
        return self._front.knock(line)

    def receive(self, line: Line, request: HttpRequest) -> None:
        """A request has arrived; on a line that is not accepted yet it waits in the kernel."""
        if line in self._served:
            self._handle(line, request)
        else:
            self._early[line] = request

    def left(self, line: Line) -> None:
        """A line is gone. A request that waits in the kernel is read all the same."""
        self._served.discard(line)
        if not self._front.left(line):
            self._early.pop(line, None)
        exchange = self._by_line.pop(line, None)
        if exchange is None:
            return
        exchange.line = None
        if exchange.drip is not None:
            exchange.drip.stop()
        if exchange.generate is None:  # silence, or drops: there is nobody to keep from the end of it
            self._cancel(exchange)
        elif self._abandons:
            self._drop(exchange)

    # Requests.

    def _serve(self, line: Line, left: bool) -> None:  # noqa: FBT001 - what the front tells
        """A line was accepted; the request of one whose client has left is worked on for nobody."""
        if not left:
            self._served.add(line)
        request = self._early.pop(line, None)
        if request is not None:
            self._handle(None if left else line, request)

    def _forget(self, line: Line) -> None:
        """A line is gone that was never accepted."""
        self._early.pop(line, None)

    def _handle(self, line: Line | None, request: HttpRequest) -> None:
        path = "/" + request.url.split("/", 3)[3]
        dialect = DIALECTS[path]
        now_us, number = self._now_us(), self.requests
        self.requests += 1
        moment = Moment(f"virtual{number:025x}", EPOCH_US + now_us)  # as long as the server's own
        try:
            arrival, parsed = read_request(
                dialect,
                dialect.parse,
                path,
                request.headers,
                request.content,
                ids=read_ids(request.headers),
                number=number,
            )
        except WireError as error:
            self._answer(line, dialect, dialect.refused(error, moment), moment)
            return
        self.core.early(arrival, now_us)
        decision = self.core.arrive(arrival, now_us)
        if isinstance(decision, Generate):
            self._generate(Exchange(line, dialect, parsed, moment, decision))
        elif isinstance(decision, Fault):
            self._injected(Exchange(line, dialect, parsed, moment), decision)
        else:
            _, answer = refused(dialect, decision, parsed, moment)
            self._answer(line, dialect, answer, moment)

    def _injected(self, exchange: Exchange, fault: Fault) -> None:
        line = exchange.line
        if line is None:
            return
        match fault.rule.action:
            case "status":
                answer = exchange.dialect.injected(fault, exchange.moment)
                if fault.rule.retry_after.as_date:
                    date = formatdate(exchange.moment.unix_us // US_PER_S, usegmt=True)
                    answer = Answer(answer.status, answer.body, answer.headers | {"date": date})
                self._answer(line, exchange.dialect, answer, exchange.moment)
            case "hang":
                self._by_line[line] = exchange
            case "garbage":
                self._loop.call_soon(line.garbage)
            case "refuse":
                self._loop.call_soon(line.close)
            case _:
                self._loop.call_soon(line.reset)

    # Generations.

    def _generate(self, exchange: Exchange) -> None:
        generate = exchange.generate
        if generate is None:
            return
        self._by_ticket[generate.ticket] = exchange
        if exchange.line is not None:
            self._by_line[exchange.line] = exchange
        if generate.start is not None:
            self._begin(exchange, generate.start)
        elif self._ticks and not self._ticking:
            self._ticking = True
            self._loop.call_at((self._now_us() // TICK_US + 1) * TICK_US / US_PER_S, self._tick)
        if exchange.line is None and self._abandons:  # who had left before it was read
            self._drop(exchange)

    def _tick(self) -> None:
        """Let those who wait start when the background load falls; at the server's own pace."""
        self._begin_all(self.core.tick(self._now_us()))
        self._ticking = self.core.queued > 0
        if self._ticking:
            self._loop.call_at((self._now_us() + TICK_US) / US_PER_S, self._tick)

    def _begin_all(self, starts: Iterable[Start]) -> None:
        for start in starts:
            exchange = self._by_ticket.get(start.ticket)
            if exchange is not None:
                self._begin(exchange, start)

    def _begin(self, exchange: Exchange, start: Start) -> None:
        exchange.start, exchange.started_us = start, self._now_us()
        if exchange.parsed.stream:
            exchange.timer = self._at(exchange, start.first_us, self._first_token)
        else:
            exchange.timer = self._at(exchange, start.total_us, self._whole)

    def _at(self, exchange: Exchange, after_us: int, then: Handler) -> asyncio.TimerHandle:
        return self._loop.call_at((exchange.started_us + after_us) / US_PER_S, then, exchange)

    def _end(self, exchange: Exchange) -> Generate | None:
        """The generation is over: its slot is free, and the next in line begins."""
        exchange.timer = None  # it holds the exchange, too: a knot that only the collector would untie
        generate, exchange.generate = exchange.generate, None
        if generate is not None:
            del self._by_ticket[generate.ticket]
            self.billed_tokens += exchange.parsed.prompt_tokens + generate.spent_tokens
            self._begin_all(self.core.finish(generate.ticket, self._now_us()))
        return generate

    def _drop(self, exchange: Exchange) -> None:
        """The work on a reply is dropped: its caller has left, or a fault broke it off."""
        self._cancel(exchange)
        generate, exchange.generate = exchange.generate, None
        if generate is not None:
            del self._by_ticket[generate.ticket]
            if exchange.start is not None:
                written = events_due(exchange.start, generate.tokens, self._now_us() - exchange.started_us)
                self.billed_tokens += exchange.parsed.prompt_tokens + written * generate.choices
            self._begin_all(self.core.abandon(generate.ticket, self._now_us()))

    def _cancel(self, exchange: Exchange) -> None:
        if exchange.timer is not None:
            exchange.timer.cancel()
            exchange.timer = None

    def _whole(self, exchange: Exchange) -> None:
        """A reply has been written to its end."""
        generate = self._end(exchange)
        line = exchange.line
        if generate is None or line is None:
            return
        del self._by_line[line]
        dialect, moment = exchange.dialect, self._moment(exchange)
        rule = generate.fault
        if rule is not None and rule.action == "stream_error":
            answer = dialect.broken(generate.levels, moment)
        else:
            answer = dialect.whole(generate, exchange.parsed, moment)
        if rule is None or rule.action in {"delay", "stream_error"}:
            self._answer(line, dialect, answer, exchange.moment)
        else:
            self._spoiled(exchange, line, answer, rule)

    def _moment(self, exchange: Exchange) -> Moment:
        """Now, to a request that came in at `exchange.moment`."""
        return Moment(exchange.moment.request_id, EPOCH_US + self._now_us())

    def _answer(self, line: Line | None, dialect: Dialect, answer: Answer, moment: Moment) -> None:
        if line is not None:
            line.whole(answer.status, self._headers(dialect, moment, answer.headers), answer.body)

    def _headers(self, dialect: Dialect, moment: Moment, own: Headers) -> Headers:
        headers = dialect.common_headers(moment.request_id, self._now_us() - (moment.unix_us - EPOCH_US))
        headers.update(own)
        return headers

    def _spoiled(self, exchange: Exchange, line: Line, answer: Answer, rule: RequestRule) -> None:
        """A whole answer that breaks off on its way."""
        broken = spoil_whole(rule, answer.body)
        if broken.half_head:
            line.reset()
            return
        headers = self._headers(exchange.dialect, exchange.moment, answer.headers)
        line.head(answer.status, headers, broken.length)
        if broken.bytes_per_s is not None:
            self._by_line[line] = exchange
            exchange.drip = drip = Drip(line, self._loop, broken.bytes_per_s)
            # The server keeps back the byte that completes its reply.
            drip.put(broken.body[:-1], chunked=False)
            drip.settled(lambda: self._completed(line, broken.body[-1:]))
            return
        if broken.body:
            line.data(broken.body)
        self._ending(exchange, line, broken.ending)

    def _ending(self, exchange: Exchange, line: Line, ending: str) -> None:
        match ending:
            case "hang":
                self._by_line[line] = exchange
            case "reset":
                line.reset()
            case "close":
                line.close()
            case _:
                return

    def _completed(self, line: Line, last: bytes) -> None:
        """All that drips has been sent; `last` completes a promised length, the end of the body a stream."""
        self._by_line.pop(line, None)
        if last:
            line.data(last)
        else:
            line.end()

    # Streams.

    def _first_token(self, exchange: Exchange) -> None:
        """A stream begins: its head, what announces it, and the first events."""
        generate, dialect, moment = exchange.generate, exchange.dialect, exchange.moment
        if generate is None:
            return
        stream = dialect.stream(generate, exchange.parsed, moment)
        rule = generate.fault
        if rule is not None and rule.action != "delay":
            stream = spoil_stream(rule, stream, dialect.error_event(moment))
        exchange.stream = stream
        line = exchange.line
        if line is not None and stream.half_head:
            self._break_off(exchange, line)
            return
        if line is not None:
            own = dialect.limit_headers(generate.levels, self._moment(exchange)) | _STREAM_HEADERS
            if stream.bytes_per_s is not None:
                exchange.drip = Drip(line, self._loop, stream.bytes_per_s)
            line.head(200, self._headers(dialect, moment, own), None)
            self._part(exchange, stream.opening)
        self._pour(exchange)

    def _break_off(self, exchange: Exchange, line: Line) -> None:
        """The reply breaks in the middle of its head, and the work on it is dropped."""
        exchange.line = None
        del self._by_line[line]
        self._drop(exchange)
        line.reset()

    def _pour(self, exchange: Exchange) -> None:
        """Hand over the events that are due, and come back for the next, or for the end."""
        generate, start, stream = exchange.generate, exchange.start, exchange.stream
        if generate is None or start is None or stream is None:
            return
        due = min(events_due(start, generate.tokens, self._now_us() - exchange.started_us), stream.events)
        if due > exchange.events:
            self._hand_over(exchange, stream, exchange.events, due)
            exchange.events = due
        if exchange.events < stream.events:
            exchange.timer = self._at(exchange, due_us(start, exchange.events), self._pour)
        elif _to_the_end(generate, stream):
            exchange.timer = self._at(exchange, start.total_us, self._close_stream)
        else:
            exchange.timer = self._at(exchange, due_us(start, exchange.events), self._close_stream)

    def _hand_over(self, exchange: Exchange, stream: Stream, start: int, end: int) -> None:
        wrong = stream.wrong_chunk
        if exchange.line is None:
            return
        if wrong is None or not start <= wrong.event < end:
            self._part(exchange, stream.content(start, end))
            return
        if wrong.event > start:
            self._part(exchange, stream.content(start, wrong.event))
        self._wrong_part(exchange, stream.content(wrong.event, wrong.event + 1), wrong.length_off)
        if wrong.event + 1 < end:
            self._part(exchange, stream.content(wrong.event + 1, end))

    def _part(self, exchange: Exchange, data: bytes) -> None:
        """A part of a stream, in a chunk of its own; nothing happens when nobody is left to read it."""
        line = exchange.line
        if line is None or not data:
            return
        if exchange.drip is not None:
            exchange.drip.put(data, chunked=True)
        elif exchange.swallows >= 0:
            self._swallow(exchange, line, b"%x\r\n%b\r\n" % (len(data), data))
        else:
            line.data(data)

    def _wrong_part(self, exchange: Exchange, data: bytes, off: int) -> None:
        """A chunk that says to be so many bytes longer than it is: the client takes what follows for a part
        of it, and what follows that for no HTTP.
        """
        line = exchange.line
        if line is None:
            return
        said = max(1, len(data) + off)
        line.data(data[:said])
        if said < len(data):
            line.garbage()
        elif off > 0:
            exchange.swallows = off
            self._swallow(exchange, line, b"\r\n")

    def _swallow(self, exchange: Exchange, line: Line, wire: bytes) -> None:
        taken = wire[: exchange.swallows]
        exchange.swallows -= len(taken)
        line.data(taken)
        if len(taken) < len(wire):
            line.garbage()

    def _close_stream(self, exchange: Exchange) -> None:
        """Nothing more is to be written: what was is complete, or its generation is broken off."""
        generate, stream, line = exchange.generate, exchange.stream, exchange.line
        if generate is None or stream is None:
            return
        if _to_the_end(generate, stream):
            self._end(exchange)
        else:
            self._drop(exchange)
        if line is None:
            return
        self._part(exchange, stream.closing)
        if exchange.drip is not None:
            exchange.drip.settled(lambda: self._completed(line, b""))
        elif stream.ending == "complete":
            self._by_line.pop(line, None)
            if exchange.swallows >= 0:
                self._swallow(exchange, line, _LAST_CHUNK)
            else:
                line.end()
        elif stream.ending != "hang":
            self._by_line.pop(line, None)
            self._ending(exchange, line, stream.ending)

    def _now_us(self) -> int:
        return self._loop.now_ns() // NS_PER_US


def _to_the_end(generate: Generate, stream: Stream) -> bool:
    """Whether a generation goes on to its end; where the wire is silent, the work behind it does."""
    return stream.events >= generate.tokens or stream.ending == "hang"
