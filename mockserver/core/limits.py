"""Requests and tokens a minute, as a leaky bucket for each key and model.

wait = (used + requested - size) / (limit / 60), from the provider's own error message. All arithmetic is in
whole units of 1/60,000,000 request or token, of which a limit of L a minute drains L a microsecond: nothing
is rounded, so a caller who waits exactly as told is let through.

Every request counts against the requests a minute, refused or not (a refusal cannot fill the bucket beyond
its brim). Tokens are reserved on admission (prompt and max_tokens, together as OpenAI counts them, or apart
as Anthropic does) and reconciled with the real usage at the end; a refused request spends none.
"""

from collections import OrderedDict
from typing import Literal

import msgspec

from mockserver.profile import Limits, ModelLimits

UNITS = 60_000_000
MAX_ACCOUNTS = 10_000

LimitKind = Literal["requests", "tokens", "input_tokens", "output_tokens"]


class Level(msgspec.Struct, frozen=True):
    """What the rate-limit headers say about one bucket; `reset_us` is the time until it is empty."""

    limit: int
    remaining: int
    reset_us: int


class Levels(msgspec.Struct, frozen=True):
    """The buckets of an account; None where the profile sets no limit."""

    requests: Level | None = None
    tokens: Level | None = None
    input_tokens: Level | None = None
    output_tokens: Level | None = None


class Exceeded(msgspec.Struct, frozen=True):
    """Why a request may not pass, and after how long it may; `wait_us` is None when it never can."""

    kind: LimitKind
    limit: int
    used: int
    requested: int
    wait_us: int | None


class Bucket:
    """A leaky bucket that drains `limit` a minute and holds `limit * window_s / 60`."""

    __slots__ = ("_size", "_updated_us", "_used", "limit")

    def __init__(self, limit: int, window_s: float, now_us: int) -> None:
        self.limit = limit
        self._size = limit * round(window_s * 1_000_000)
        self._used = 0
        self._updated_us = now_us

    def wait_us(self, amount: int, now_us: int) -> int | None:
        """Microseconds until `amount` fits: 0 now, None never.

        An amount larger than the bucket, but not than the limit, passes when the bucket is empty.
        """
        if amount > self.limit:
            return None
        self._drain(now_us)
        units = amount * UNITS
        over = self._used + units - max(self._size, units)
        return max(0, _ceil_div(over, self.limit))

    def add(self, amount: int, now_us: int) -> None:
        """Add to the bucket, or take out when negative; it is never less than empty."""
        self._drain(now_us)
        self._used = max(0, self._used + amount * UNITS)

    def add_refused(self, amount: int, now_us: int) -> None:
        """Add what a refused request counts: no further than the brim."""
        self._drain(now_us)
        self._used = max(self._used, min(self._size, self._used + amount * UNITS))

    def used(self, now_us: int) -> int:
        self._drain(now_us)
        return _ceil_div(self._used, UNITS)

    def level(self, now_us: int) -> Level:
        used = self.used(now_us)
        remaining = max(0, self._size // UNITS - used)
        return Level(self.limit, remaining, _ceil_div(self._used, self.limit))

    def _drain(self, now_us: int) -> None:
        if now_us > self._updated_us:
            self._used = max(0, self._used - self.limit * (now_us - self._updated_us))
            self._updated_us = now_us


class Size(msgspec.Struct, frozen=True):
    """What a request asks of the limits: its prompt, and the most it may be answered with."""

    prompt_tokens: int
    output_tokens: int


class Account:
    """The buckets of one key and model, by what they count; only those that have a limit."""

    __slots__ = ("_buckets",)

    def __init__(self, limits: Limits, model: str, now_us: int) -> None:
        self._buckets: dict[LimitKind, Bucket] = {
            kind: Bucket(limit, limits.window_s, now_us)
            for kind, limit in limits_of(limits, model).items()
            if limit
        }

    def refusal(self, size: Size, now_us: int) -> Exceeded | None:
        """The refusal with the longest wait, so that its hint suffices for every bucket."""
        worst: Exceeded | None = None
        worst_wait_us = 0.0
        for kind, bucket in self._buckets.items():
            amount = _amount(kind, size)
            wait_us = bucket.wait_us(amount, now_us)
            rank = float("inf") if wait_us is None else wait_us
            if rank > worst_wait_us:
                worst = Exceeded(kind, bucket.limit, bucket.used(now_us), amount, wait_us)
                worst_wait_us = rank
        return worst

    def add(self, size: Size, now_us: int) -> None:
        """Count a request and reserve its tokens."""
        for kind, bucket in self._buckets.items():
            bucket.add(_amount(kind, size), now_us)

    def add_refused(self, now_us: int) -> None:
        """Count a request that spends no tokens."""
        if "requests" in self._buckets:
            self._buckets["requests"].add_refused(1, now_us)

    def reconcile(self, prompt_tokens: int, output_tokens: int, now_us: int) -> None:
        """Correct a reservation by these differences (negative gives back)."""
        differences: tuple[tuple[LimitKind, int], ...] = (
            ("tokens", prompt_tokens + output_tokens),
            ("input_tokens", prompt_tokens),
            ("output_tokens", output_tokens),
        )
        for kind, difference in differences:
            if difference and kind in self._buckets:
                self._buckets[kind].add(difference, now_us)

    def levels(self, now_us: int) -> Levels:
        return Levels(**{kind: bucket.level(now_us) for kind, bucket in self._buckets.items()})


_NO_LEVELS = Levels()


class RateLimits:
    """The buckets of every key and model seen; the least recently used are forgotten beyond a bound."""

    __slots__ = ("_accounts", "_limited", "_limits")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        # Without any limit there is nothing to count: the usual case where speed matters.
        models = ("", *(item.model for item in limits.models))
        self._limited = any(any(limits_of(limits, model).values()) for model in models)
        self._accounts: OrderedDict[tuple[str, str], Account] = OrderedDict()

    def take(self, key: str, model: str, size: Size, now_us: int) -> Exceeded | None:
        """Count one request and reserve its tokens, or say why not."""
        if not self._limited:
            return None
        account = self._account(key, model, now_us)
        if account.refusal(size, now_us) is None:
            account.add(size, now_us)
            return None
        account.add_refused(now_us)
        # Once more, now that the refusal itself has been counted: the hint must be long enough.
        return account.refusal(size, now_us)

    def count_failed(self, key: str, model: str, now_us: int) -> None:
        """Count a request that fails before it could spend tokens."""
        if self._limited:
            self._account(key, model, now_us).add_refused(now_us)

    def reconcile(self, key: str, model: str, prompt_tokens: int, output_tokens: int, now_us: int) -> None:
        """Correct a reservation by these differences (negative gives back)."""
        if self._limited:
            self._account(key, model, now_us).reconcile(prompt_tokens, output_tokens, now_us)

    def levels(self, key: str, model: str, now_us: int) -> Levels:
        return self._account(key, model, now_us).levels(now_us) if self._limited else _NO_LEVELS

    def _account(self, key: str, model: str, now_us: int) -> Account:
        account = self._accounts.get((key, model))
        if account is None:
            account = self._accounts[key, model] = Account(self._limits, model, now_us)
            if len(self._accounts) > MAX_ACCOUNTS:
                self._accounts.popitem(last=False)
        else:
            self._accounts.move_to_end((key, model))
        return account


def limits_of(limits: Limits, model: str) -> dict[LimitKind, int]:
    """The limits a minute of a model: its own, and the common ones where it has none; 0 is no limit."""
    own = next((item for item in limits.models if item.model == model), ModelLimits(model))
    return {
        "requests": limits.rpm if own.rpm is None else own.rpm,
        "tokens": limits.tpm if own.tpm is None else own.tpm,
        "input_tokens": limits.itpm if own.itpm is None else own.itpm,
        "output_tokens": limits.otpm if own.otpm is None else own.otpm,
    }


def _amount(kind: LimitKind, size: Size) -> int:
    match kind:
        case "requests":
            return 1
        case "tokens":
            return size.prompt_tokens + size.output_tokens
        case "input_tokens":
            return size.prompt_tokens
        case "output_tokens":
            return size.output_tokens


def _ceil_div(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)
