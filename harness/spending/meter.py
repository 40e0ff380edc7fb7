"""What a request may cost at most, before it is sent, and what it did cost, once it has ended."""

from __future__ import annotations

from typing import Any

import msgspec

from harness.errors import ConfigError
from harness.model import Fault, Outcome, Usage
from harness.prices import Price, Prices
from harness.spending.amount import ONE_REQUEST, Amount
from harness.wire.base import Parsed
from harness.wire.envelope import UNREADABLE
from harness.wire.estimate import ASSUMED_REPLY_TOKENS

#: A request that never reached the API, whatever else went wrong.
_UNSENT = frozenset({Fault.CONNECT, Fault.CONNECT_TIMEOUT, Fault.POOL})

#: Refused before a token was made. Any other 5xx, and a gateway's 408, may hide a reply that is billed.
_UNBILLED = frozenset({*range(400, 500), 503, 529} - {408})

_TOLD = 200


class UnboundedError(ConfigError):
    """A request whose cost has no bound that is known: it is not sent where its cost has a limit."""


class _Body(msgspec.Struct):
    model: Any = None
    max_tokens: Any = None
    max_completion_tokens: Any = None
    n: Any = None


_body = msgspec.json.Decoder(_Body)


class Meter(msgspec.Struct, frozen=True):
    """Counts requests; with `tokens`, tokens, too; with `prices`, money.

    `strict`: tokens or money have a limit, so that a request without a bound of its own is refused.
    """

    tokens: bool = False
    prices: Prices | None = None
    strict: bool = False

    @property
    def reads(self) -> bool:
        """Whether requests and replies have to be looked into."""
        return self.tokens or self.prices is not None

    def most(self, body: bytes) -> Amount:
        """The most that a request with this body can cost. Raises UnboundedError.

        A token is at least a byte, and what an API's own template puts around a message is less than what
        JSON does: the bytes of the body are no fewer than the tokens of the prompt. (Not of an image, which
        may cost more than its address is long: it is outside the bound.) A reply has at most `max_tokens`,
        each of `n` times.
        """
        if not self.reads:
            return ONE_REQUEST
        try:
            document = _body.decode(body)
        except UNREADABLE as error:
            raise UnboundedError("a request that is no chat has no known bound of its cost") from error
        return self._amount(len(body), self._reply_bound(document), self._price(document.model))

    def cost(self, usage: Usage, model: str | None) -> Amount:
        """What a reply cost by the tokens that the API counted; `model` is what was asked."""
        return self._amount(usage.prompt_tokens, usage.completion_tokens, self._price(model))

    def billed(self, body: bytes, status: int, parsed: Parsed) -> Amount:
        """What a request cost whose reply was read to its end; at its worst, where the API does not tell."""
        if status in _UNBILLED:
            return ONE_REQUEST
        if (
            status == _TOLD
            and parsed.outcome is Outcome.OK
            and parsed.usage is not None
            and _is_likely(parsed)
        ):
            return self.cost(parsed.usage, _body.decode(body).model)
        return self.most(body)

    def unanswered(self, body: bytes, outcome: Outcome, fault: Fault) -> Amount:
        """What a request cost that had no reply: nothing if it never left, else the most it can."""
        return ONE_REQUEST if fault in _UNSENT or outcome is Outcome.FATAL else self.most(body)

    def _amount(self, prompt: int, completion: int, price: Price | None) -> Amount:
        money = 0 if price is None else prompt * price.prompt + completion * price.completion
        return Amount(1, prompt + completion, money)

    def _price(self, model: Any) -> Price | None:
        if self.prices is None:
            return None
        price = self.prices.of(model) if isinstance(model, str) else None
        if price is None and self.strict:
            raise UnboundedError(f"model {model!r} has no price in {self.prices.source}: see --prices")
        return price

    def _reply_bound(self, document: _Body) -> int:
        bounds = [b for b in (document.max_tokens, document.max_completion_tokens) if _is_count(b)]
        if not bounds and self.strict:
            raise UnboundedError("a request without max_tokens has no bound of its cost: expected max_tokens")
        return int(max(bounds, default=ASSUMED_REPLY_TOKENS) * self._times(document.n))

    def _times(self, asked: Any) -> int:
        """How many replies are asked for; 3.0 is 3 to an API."""
        if isinstance(asked, float) and asked.is_integer():
            asked = int(asked)
        if _is_count(asked):
            return int(asked)
        if asked is not None and self.strict:
            raise UnboundedError(f"a request with n = {asked!r} has no bound of its cost: expected a count")
        return 1


def _is_likely(parsed: Parsed) -> bool:
    """Whether the tokens told can be all there were: some of the prompt, and some of a text."""
    usage, reply = parsed.usage, parsed.reply
    if usage is None or usage.prompt_tokens == 0:
        return False
    return usage.completion_tokens > 0 or reply is None or not reply.text


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
