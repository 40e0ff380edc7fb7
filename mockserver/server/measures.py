"""What is counted and measured of the requests that have ended; times in microseconds."""

from bisect import bisect_left
from collections import Counter, defaultdict

from mockserver.server.exchange import Exchange
from mockserver.units import US_PER_S

# Upper bounds of the buckets, in seconds: from a reply at once to one nobody waits for any more.
BOUNDS_S = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75),
    *(1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0),
)
_BOUNDS_US = tuple(round(bound_s * US_PER_S) for bound_s in BOUNDS_S)

TOKEN_KINDS = ("prompt", "completion", "unread")

# Path, status, fault, refused.
Outcome = tuple[str, int | None, str | None, str | None]


class Histogram:
    """Counts by bucket: `counts[i]` are those above the bound before `BOUNDS_S[i]` and not above it."""

    __slots__ = ("counts", "sum_us")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.sum_us = 0

    def observe(self, us: int) -> None:
        self.counts[bisect_left(_BOUNDS_US, us)] += 1
        self.sum_us += us


class Measures:
    """The sums of all requests since the last reset.

    `duration`: from the read request to the hand-over of its last byte, by path and status. `ttft`: to the
    first content event, by path, of streams. `queue_wait`: from the read request to a slot, by path.
    `tokens`: prompt and completion of the generations that were begun; `unread` of the latter had lost their
    caller at the end.
    """

    def __init__(self) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self.tokens: Counter[str] = Counter()
        self.duration: defaultdict[tuple[str, int], Histogram] = defaultdict(Histogram)
        self.ttft: defaultdict[str, Histogram] = defaultdict(Histogram)
        self.queue_wait: defaultdict[str, Histogram] = defaultdict(Histogram)

    def add(self, exchange: Exchange) -> None:
        """A request has ended."""
        path, received_us = exchange.path, exchange.received_us
        self.outcomes[path, exchange.status, exchange.fault, exchange.refused] += 1
        if exchange.status is not None and exchange.finished_us is not None:
            self.duration[path, exchange.status].observe(exchange.finished_us - received_us)
        if exchange.started_us is None:
            return
        self.queue_wait[path].observe(exchange.started_us - received_us)
        if exchange.stream and exchange.first_us is not None:
            self.ttft[path].observe(exchange.first_us - received_us)
        self.tokens["prompt"] += exchange.prompt_tokens or 0
        self.tokens["completion"] += exchange.completion_tokens or 0
        if exchange.client_gone:
            self.tokens["unread"] += exchange.completion_tokens or 0
