"""Requests and tokens a minute, as a leaky bucket for each key and model.

wait = (used + requested - size) / (limit / 60), from the provider's own error message. All arithmetic is in
whole units of 1/60,000,000 request or token, of which a limit of L a minute drains L a microsecond: nothing
is rounded, so a caller who waits exactly as told is let through.

Every request counts against the requests a minute, refused or not (a refusal cannot fill the bucket beyond
its brim). Tokens are reserved (prompt + max_tokens) on admission and reconciled with the real usage at the
end; a refused request spends none.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from mockserver.profile import Limits

UNITS = 60_000_000
MAX_ACCOUNTS = 10_000

LimitKind = Literal["requests", "tokens", "input_tokens", "output_tokens"]


@dataclass(frozen=True, slots=True)
class Level:
    """What the rate-limit headers say about one bucket; `reset_us` is the time until it is empty."""

    limit: int
    remaining: int
    reset_us: int


@dataclass(frozen=True, slots=True)
class Levels:
    """The buckets of an account; None where the profile sets no limit."""

    requests: Level | None = None
    tokens: Level | None = None
    input_tokens: Level | None = None
    output_tokens: Level | None = None


@dataclass(frozen=True, slots=True)
class Exceeded:
    """Why a request may not pass, and after how long it may; `wait_us` is None when it never can."""

    kind: LimitKind
    limit: int
    used: int
    requested: int
    wait_us: int | None


class Bucket:
    """A leaky bucket that drains `limit` a minute and holds `limit * window_s / 60`."""

    __slots__ = ("_limit", "_size", "_updated_us", "_used")

    def __init__(self, limit: int, window_s: float, now_us: int) -> None:
        self._limit = limit
        self._size = limit * round(window_s * 1_000_000)
        self._used = 0
        self._updated_us = now_us

    def wait_us(self, amount: int, now_us: int) -> int | None:
        """Microseconds until `amount` fits: 0 now, None never.

        An amount larger than the bucket, but not than the limit, passes when the bucket is empty.
        """
        if amount > self._limit:
            return None
        self._drain(now_us)
        units = amount * UNITS
        over = self._used + units - max(self._size, units)
        return max(0, _ceil_div(over, self._limit))

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
        return Level(self._limit, remaining, _ceil_div(self._used, self._limit))

    def _drain(self, now_us: int) -> None:
        if now_us > self._updated_us:
            self._used = max(0, self._used - self._limit * (now_us - self._updated_us))
            self._updated_us = now_us


@dataclass(slots=True)
class _Account:
    requests: Bucket | None
    tokens: Bucket | None


class RateLimits:
    """The buckets of every key and model seen; the least recently used are forgotten beyond a bound."""

    __slots__ = ("_accounts", "_limits")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._accounts: OrderedDict[tuple[str, str], _Account] = OrderedDict()

    def take(self, key: str, model: str, tokens: int, now_us: int) -> Exceeded | None:
        """Count one request and reserve its tokens, or say why not."""
        account = self._account(key, model, now_us)
        refused = self._refusal(account, tokens, now_us)
        if refused is None:
            _add(account.requests, 1, now_us)
            _add(account.tokens, tokens, now_us)
            return None
        if account.requests is not None:
            account.requests.add_refused(1, now_us)
        # Once more, now that the refusal itself has been counted: the hint must be long enough.
        return self._refusal(account, tokens, now_us)

    def count_failed(self, key: str, model: str, now_us: int) -> None:
        """Count a request that fails before it could spend tokens."""
        account = self._account(key, model, now_us)
        if account.requests is not None:
            account.requests.add_refused(1, now_us)

    def reconcile(self, key: str, model: str, difference: int, now_us: int) -> None:
        """Correct a reservation by `difference` tokens (negative gives back)."""
        _add(self._account(key, model, now_us).tokens, difference, now_us)

    def levels(self, key: str, model: str, now_us: int) -> Levels:
        account = self._account(key, model, now_us)
        return Levels(
            None if account.requests is None else account.requests.level(now_us),
            None if account.tokens is None else account.tokens.level(now_us),
        )

    def _account(self, key: str, model: str, now_us: int) -> _Account:
        account = self._accounts.get((key, model))
        if account is None:
            account = _Account(
                Bucket(self._limits.rpm, self._limits.window_s, now_us) if self._limits.rpm else None,
                Bucket(self._limits.tpm, self._limits.window_s, now_us) if self._limits.tpm else None,
            )
            self._accounts[key, model] = account
            if len(self._accounts) > MAX_ACCOUNTS:
                self._accounts.popitem(last=False)
        else:
            self._accounts.move_to_end((key, model))
        return account

    def _refusal(self, account: _Account, tokens: int, now_us: int) -> Exceeded | None:
        """The refusal with the longest wait, so that its hint suffices for both buckets."""
        worst: Exceeded | None = None
        worst_wait_us = 0.0
        needs: tuple[tuple[LimitKind, Bucket | None, int, int], ...] = (
            ("requests", account.requests, 1, self._limits.rpm),
            ("tokens", account.tokens, tokens, self._limits.tpm),
        )
        for kind, bucket, amount, limit in needs:
            if bucket is None:
                continue
            wait_us = bucket.wait_us(amount, now_us)
            rank = float("inf") if wait_us is None else wait_us
            if rank > worst_wait_us:
                worst = Exceeded(kind, limit, bucket.used(now_us), amount, wait_us)
                worst_wait_us = rank
        return worst


def _add(bucket: Bucket | None, amount: int, now_us: int) -> None:
    if bucket is not None:
        bucket.add(amount, now_us)


def _ceil_div(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)
