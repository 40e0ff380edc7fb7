"""The mock server in virtual time: its own decisions and its own words, without a socket or a process.

What `mockserver.server` does with tasks and sockets is done here by timers of the virtual loop: the same core
decides, the same dialects read and write, and a reply arrives at the client in the microsecond it is due.
What a network and a kernel add in real time (tenths of a millisecond) is not there.
"""

from __future__ import annotations

from email.utils import formatdate

from harness.sim.loop import VirtualLoop
from harness.sim.provider import Knock, Line
from harness.transport.base import HttpRequest
from mockserver.core.decide import Core
from mockserver.core.decisions import Fault, Generate
from mockserver.core.pacing import due_us, events_due
from mockserver.errors import WireError
from mockserver.profile import Profile
from mockserver.rules import RequestRule
from mockserver.units import US_PER_S
from mockserver.wire.answer import Answer, Headers, Moment, Stream
from mockserver.wire.dialect import Dialect
from mockserver.wire.dialects import ANTHROPIC, OPENAI
from mockserver.wire.identity import read_ids
from mockserver.wire.intake import read_request, refused
from mockserver.wire.spoil import spoil_stream, spoil_whole
from reports.virtual import exchange as chunks
from reports.virtual.drip import Drip
from reports.virtual.engine import Engine, cancel
from reports.virtual.exchange import Exchange
from reports.virtual.front import Front

#: What is generated, and in whose words.
DIALECTS = {"/v1/chat/completions": OPENAI, "/v1/messages": ANTHROPIC}

#: The wall clock at the start of every virtual run: 20:00 in Bangkok, on a date of no meaning.
EPOCH_US = 1_760_014_800 * US_PER_S

_STREAM_HEADERS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}


class VirtualMock:
    """A provider for `harness.sim.transport.SimTransport`: a profile, on an evening, with a seed."""

    def __init__(self, profile: Profile, seed: int, loop: VirtualLoop) -> None:
        self.core = Core(profile, seed, 0)
        self.requests = 0
        self._loop = loop
        self._engine = Engine(self.core, loop, self._begun)
        self._front = Front(self.core, loop, self._serve, self._forget)
        self._served: set[Line] = set()
        # Requests that were sent before their line was accepted.
        self._early: dict[Line, HttpRequest] = {}
        self._by_line: dict[Line, Exchange] = {}
        self._abandons = profile.capacity.abandon_when_client_gone

    @property
    def billed_tokens(self) -> int:
        """All that was read and written, for whomever."""
        return self._engine.billed_tokens

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
            cancel(exchange)
        elif self._abandons:
            self._engine.drop(exchange)

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
        now_us, number = self._engine.now_us(), self.requests
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
        if exchange.line is not None:
            self._by_line[exchange.line] = exchange
        self._engine.enter(exchange)
        if exchange.line is None and self._abandons:  # who had left before it was read
            self._engine.drop(exchange)

    def _begun(self, exchange: Exchange) -> None:
        """A generation starts: what is next is its first token, or its end."""
        start = exchange.start
        if start is None:
            return
        if exchange.parsed.stream:
            exchange.timer = self._engine.at(exchange, start.first_us, self._first_token)
        else:
            exchange.timer = self._engine.at(exchange, start.total_us, self._whole)

    def _whole(self, exchange: Exchange) -> None:
        """A reply has been written to its end."""
        generate = self._engine.end(exchange)
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
        return Moment(exchange.moment.request_id, EPOCH_US + self._engine.now_us())

    def _answer(self, line: Line | None, dialect: Dialect, answer: Answer, moment: Moment) -> None:
        if line is not None:
            line.whole(answer.status, self._headers(dialect, moment, answer.headers), answer.body)

    def _headers(self, dialect: Dialect, moment: Moment, own: Headers) -> Headers:
        headers = dialect.common_headers(
            moment.request_id, self._engine.now_us() - (moment.unix_us - EPOCH_US)
        )
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
            chunks.part(exchange, stream.opening)
        self._pour(exchange)

    def _break_off(self, exchange: Exchange, line: Line) -> None:
        """The reply breaks in the middle of its head, and the work on it is dropped."""
        exchange.line = None
        del self._by_line[line]
        self._engine.drop(exchange)
        line.reset()

    def _pour(self, exchange: Exchange) -> None:
        """Hand over the events that are due, and come back for the next, or for the end."""
        generate, start, stream = exchange.generate, exchange.start, exchange.stream
        if generate is None or start is None or stream is None:
            return
        due = min(
            events_due(start, generate.tokens, self._engine.now_us() - exchange.started_us), stream.events
        )
        if due > exchange.events:
            chunks.hand_over(exchange, stream, exchange.events, due)
            exchange.events = due
        if exchange.events < stream.events:
            exchange.timer = self._engine.at(exchange, due_us(start, exchange.events), self._pour)
        elif _to_the_end(generate, stream):
            exchange.timer = self._engine.at(exchange, start.total_us, self._close_stream)
        else:
            exchange.timer = self._engine.at(exchange, due_us(start, exchange.events), self._close_stream)

    def _close_stream(self, exchange: Exchange) -> None:
        """Nothing more is to be written: what was is complete, or its generation is broken off."""
        generate, stream, line = exchange.generate, exchange.stream, exchange.line
        if generate is None or stream is None:
            return
        if _to_the_end(generate, stream):
            self._engine.end(exchange)
        else:
            self._engine.drop(exchange)
        if line is None:
            return
        chunks.part(exchange, stream.closing)
        if exchange.drip is not None:
            exchange.drip.settled(lambda: self._completed(line, b""))
        elif stream.ending == "complete":
            self._by_line.pop(line, None)
            chunks.end(exchange, line)
        elif stream.ending != "hang":
            self._by_line.pop(line, None)
            self._ending(exchange, line, stream.ending)


def _to_the_end(generate: Generate, stream: Stream) -> bool:
    """Whether a generation goes on to its end; where the wire is silent, the work behind it does."""
    return stream.events >= generate.tokens or stream.ending == "hang"
