"""Requests and tokens a minute: the provider's leaky bucket, kept on this side of the wire."""

from __future__ import annotations

import msgspec

from harness.model import Level, Levels
from harness.policy.config import RateConfig
from harness.units import NS

#: The quanta of one request or token. A limit of so many a minute drains as many quanta a nanosecond, so that
#: all arithmetic is of whole numbers and never drifts.
UNIT = 60 * NS


#: A limit with less than this share of it left may be what a 429 is about.
LITTLE = 0.1


def is_shed(levels: Levels | None) -> bool:
    """Whether a 429 is the server shedding load: its own headers say that requests and tokens are left."""
    if levels is None:
        return False
    every = (levels.requests, levels.tokens, levels.input_tokens, levels.output_tokens)
    told = [level for level in every if level]
    return bool(told) and all(level.remaining >= LITTLE * level.limit for level in told)


class Reservation(msgspec.Struct, frozen=True):
    """What one request took, and the state of both meters right after it: what its reply is compared with."""

    tokens: int
    requests_spent: int
    requests_corrected: int
    tokens_spent: int
    tokens_corrected: int


#: Where nothing is counted.
_UNCOUNTED = Reservation(0, 0, 0, 0, 0)


class RateBucket:
    """Says when the next request may go, and follows what the API says of its own limits.

    Capacity is `burst_s` of the rate; it starts full. Net of what came back, requests and tokens taken in any
    time T stay within capacity + rate * T, but for the excess of a request larger than the capacity: that one
    waits for a full bucket and goes into debt. Ask `wait_ns`, then `take`; in the order calls shall go.
    """

    def __init__(self, config: RateConfig) -> None:
        burst_ns = round(config.burst_s * NS)
        self._requests = _Meter(config.rpm, burst_ns)
        self._tokens = _Meter(config.tpm, burst_ns)
        self._sync = config.sync
        self._pause = config.pause
        self._max_pause_s = config.max_pause_s
        self._counts = config.sync or config.rpm is not None or config.tpm is not None
        self._until_ns: int | None = None  # the end of the last pause

    @property
    def limits_tokens(self) -> bool:
        """Whether a token limit is known: only then does a request's number of tokens matter."""
        return self._tokens.limit is not None

    def wait_ns(self, tokens: int, now_ns: int) -> int:
        """Nanoseconds until a request of so many tokens may go; 0 for now. After exactly so long it may."""
        wait_ns = 0
        if self._until_ns is not None and now_ns < self._until_ns:
            wait_ns = self._until_ns - now_ns
        if self._requests.limit is not None:
            wait_ns = max(wait_ns, self._requests.wait_ns(1, now_ns))
        if self._tokens.limit is not None:
            wait_ns = max(wait_ns, self._tokens.wait_ns(tokens, now_ns))
        return wait_ns

    def take(self, tokens: int, now_ns: int) -> Reservation:
        """Spend one request and its tokens, whether `wait_ns` allows it or not."""
        if not self._counts:
            return _UNCOUNTED
        requests, ours = self._requests, self._tokens
        requests.spend(1, now_ns)
        ours.spend(tokens, now_ns)
        return Reservation(tokens, requests.spent, requests.corrected, ours.spent, ours.corrected)

    def settle(self, reservation: Reservation, used_tokens: int | None, now_ns: int) -> None:
        """The request used so many tokens; None when nobody knows: what was taken stays spent.

        A request whose tokens were not estimated took none: of those the API's headers tell.
        """
        if used_tokens is not None and reservation.tokens:
            self._tokens.spend(used_tokens - reservation.tokens, now_ns)

    def refund(self, reservation: Reservation, now_ns: int) -> None:
        """The request was never sent: it and its tokens come back."""
        if self._counts:
            self._requests.spend(-1, now_ns)
            self._tokens.spend(-reservation.tokens, now_ns)

    def sync(self, reservation: Reservation, levels: Levels, now_ns: int) -> None:
        """Follow what the headers of this request's reply say; in any order with `settle`.

        They tell of the instant the API counted this request. The difference to our own count right after it
        was taken, less the corrections made since then, is corrected now: so requests in flight together that
        report one difference correct it once. The lower of the API's limit and ours is in force; one not set
        here is the API's. Where our bucket is smaller than the API's limit (a lower limit of ours, a shorter
        burst), sync lowers the level and never raises it. At the brim it says little: nothing is left on
        either side, and the 429s and their pause must tell.
        """
        if not self._sync:
            return
        if levels.requests is not None:
            self._requests.sync(
                levels.requests, reservation.requests_spent, reservation.requests_corrected, now_ns
            )
        if levels.prompt_tokens is not None:
            self._tokens.sync(
                levels.prompt_tokens, reservation.tokens_spent, reservation.tokens_corrected, now_ns
            )

    def pause(self, seconds: float, now_ns: int) -> bool:
        """Let nothing go for so long, `max_pause_s` at the longest; True when it is longer than was known.

        One reply may be wrong, and would hold everybody. The call that got it obeys it in full: see `decide`.
        """
        until_ns = now_ns + round(min(seconds, self._max_pause_s) * NS)
        if not self._pause or until_ns <= max(now_ns, self._until_ns or now_ns):
            return False
        self._until_ns = until_ns
        return True


class _Meter:
    """One kind's leaky bucket, in quanta: `spent` grows with what is taken and drains at the limit.

    What is left is `capacity - spent`. Without a limit it only counts, so that one learnt later finds what
    is in flight.
    """

    def __init__(self, limit: int | None, burst_ns: int) -> None:
        self._own = limit
        self._burst_ns = burst_ns
        self._at_ns = 0
        self.limit = limit
        self.capacity = 0 if limit is None else limit * burst_ns
        self.spent = 0
        self.corrected = 0  # the sum of all corrections, of those too that met a bound

    def wait_ns(self, amount: int, now_ns: int) -> int:
        """Until `amount` is left, or the bucket is full."""
        if self.limit is None:
            return 0
        self._drain(now_ns)
        over = self.spent + min(amount * UNIT, self.capacity) - self.capacity
        return max(0, -(-over // self.limit))

    def spend(self, amount: int, now_ns: int) -> None:
        """Take `amount`; a negative one comes back, up to a full bucket."""
        if not amount:
            return
        self._drain(now_ns)
        self.spent = max(0, self.spent + amount * UNIT)

    def sync(self, level: Level, spent_then: int, corrected_then: int, now_ns: int) -> None:
        """Correct by what the API had counted when we had counted `spent_then`."""
        if level.limit < 1:
            return
        self._drain(now_ns)
        limit = level.limit if self._own is None else min(self._own, level.limit)
        if limit != self.limit:
            self.limit, self.capacity = limit, limit * self._burst_ns
        left_then = self.capacity - spent_then
        drift = left_then - level.remaining * UNIT - (self.corrected - corrected_then)
        if self.capacity < level.limit * UNIT:  # a smaller bucket has less left without being wrong
            drift = max(0, drift)
        self.corrected += drift
        self.spent = min(max(0, self.spent + drift), 2 * self.capacity)

    def _drain(self, now_ns: int) -> None:
        if now_ns > self._at_ns:
            if self.limit is not None:
                self.spent = max(0, self.spent - self.limit * (now_ns - self._at_ns))
            self._at_ns = now_ns
