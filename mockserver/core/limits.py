"""Requests and tokens a minute, as leaky buckets for each key and model.

Every request counts against the requests a minute, refused or not (a refusal cannot fill the bucket beyond
its brim). Tokens are reserved on admission (prompt and max_tokens, together as OpenAI counts them, or apart
as Anthropic does) and settled with the real usage at the end; a refused request spends none.
"""

from collections import OrderedDict
from typing import Literal

import msgspec

from mockserver.core.bucket import Bucket, Level
from mockserver.profile import Limits, ModelLimits

MAX_ACCOUNTS = 10_000

LimitKind = Literal["requests", "tokens", "input_tokens", "output_tokens"]


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


class Size(msgspec.Struct, frozen=True):
    """What a request asks of the limits: its prompt, and the most it may be answered with."""

    prompt_tokens: int
    output_tokens: int


class Reservation:
    """What an admitted request holds of its buckets: to be settled or cancelled once, or left as it is."""

    __slots__ = ("_moments", "_size")

    def __init__(self, size: Size, moments: list[tuple[LimitKind, Bucket, int]]) -> None:
        self._size = size
        self._moments = moments

    def settle(self, output_tokens: int, now_us: int) -> None:
        """The reply has so many tokens: what was reserved beyond them comes back, what was not is added."""
        self._correct(Size(0, output_tokens - self._size.output_tokens), now_us)

    def cancel(self, now_us: int) -> None:
        """Nothing was spent after all."""
        self._correct(Size(-self._size.prompt_tokens, -self._size.output_tokens), now_us)

    def _correct(self, by: Size, now_us: int) -> None:
        for kind, bucket, moment in self._moments:
            difference = 0 if kind == "requests" else _amount(kind, by)
            if difference > 0:
                bucket.add(difference, now_us)
            elif difference < 0:
                bucket.give_back(-difference, moment, now_us)


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

    def reserve(self, size: Size, now_us: int) -> Reservation:
        """Count a request and reserve its tokens."""
        poured = [
            (kind, bucket, bucket.add(_amount(kind, size), now_us)) for kind, bucket in self._buckets.items()
        ]
        return Reservation(size, poured)

    def add_refused(self, now_us: int) -> None:
        """Count a request that spends no tokens."""
        if "requests" in self._buckets:
            self._buckets["requests"].add_refused(1, now_us)

    def levels(self, now_us: int) -> Levels:
        return Levels(**{kind: bucket.level(now_us) for kind, bucket in self._buckets.items()})


_NO_LEVELS = Levels()
_NOTHING = Reservation(Size(0, 0), [])


class RateLimits:
    """The buckets of every key and model seen; the least recently used are forgotten beyond a bound."""

    __slots__ = ("_accounts", "_limited", "_limits")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        # Without any limit there is nothing to count: the usual case where speed matters.
        models = ("", *(item.model for item in limits.models))
        self._limited = any(any(limits_of(limits, model).values()) for model in models)
        self._accounts: OrderedDict[tuple[str, str], Account] = OrderedDict()

    def take(self, key: str, model: str, size: Size, now_us: int) -> Reservation | Exceeded:
        """Count one request and reserve its tokens, or say why not."""
        if not self._limited:
            return _NOTHING
        account = self._account(key, model, now_us)
        refusal = account.refusal(size, now_us)
        if refusal is None:
            return account.reserve(size, now_us)
        account.add_refused(now_us)
        # Once more, now that the refusal itself has been counted: the hint must be long enough.
        return account.refusal(size, now_us) or refusal

    def count_failed(self, key: str, model: str, now_us: int) -> None:
        """Count a request that fails before it could spend tokens."""
        if self._limited:
            self._account(key, model, now_us).add_refused(now_us)

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
