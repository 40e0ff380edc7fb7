"""What a run may spend at most, and by what it is counted: the same in all of its processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import msgspec

from harness.errors import ConfigError
from harness.policy.split import share
from harness.prices import Prices
from harness.spending.amount import UNLIMITED, Amount, limit
from harness.spending.given import BUDGETS
from harness.spending.meter import Meter


class Terms(msgspec.Struct, frozen=True):
    """A budget and its meter."""

    limit: Amount
    meter: Meter

    @property
    def finite(self) -> Amount:
        """The limit, 0 for what has none."""
        return Amount(*(0 if most >= UNLIMITED else most for most in self.limit.message()))

    def part(self, index: int, of: int) -> Terms:
        """Those of one process that asks nobody for more: the limits of all add up to this one.

        Raises ConfigError where a process would get nothing.
        """
        parts = [most if most >= UNLIMITED else share(most, index, of) for most in self.limit.message()]
        if 0 in parts:
            raise ConfigError(f"{BUDGETS}: too little for {of} workers: expected at least 1 for each worker")
        return Terms(Amount(*parts), self.meter)

    def less(self, spent: Amount) -> Terms:
        """What is left of it."""
        pairs = zip(self.limit.message(), spent.message(), strict=True)
        return Terms(Amount(*(m if m >= UNLIMITED else max(0, m - s) for m, s in pairs)), self.meter)

    def message(self) -> dict[str, Any]:
        """As it travels to other processes."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found

    @classmethod
    def of(cls, message: dict[str, Any]) -> Self:
        """The terms in a message."""
        return msgspec.convert(message, cls)


def terms_of(
    max_requests: int | None,
    max_tokens: int | None,
    max_usd: int | None,
    *,
    prices: Prices,
    models: Mapping[str, str],
    real: bool,
) -> Terms | None:
    """What was asked for; None where nothing has to be counted.

    `max_usd` is in picodollars. `models` are those that will be asked, by what names them: money has a limit
    only where each has a price. A real API's tokens are always counted, and its money where it has a price.
    Raises ConfigError.
    """
    if not real and max_requests is None and max_tokens is None and max_usd is None:
        return None
    missing = [f"{model} ({by})" for by, model in models.items() if prices.of(model) is None]
    if max_usd is not None and missing:
        raise ConfigError(
            f"--max-usd: no price for {' and '.join(missing)} in {prices.source}: give --prices FILE.toml,"
            " or limit --max-tokens instead"
        )
    meter = Meter(
        tokens=real or max_tokens is not None or max_usd is not None,
        prices=prices if max_usd is not None or (real and not missing) else None,
        strict=max_tokens is not None or max_usd is not None,
    )
    return Terms(limit(max_requests, max_tokens, max_usd), meter)
