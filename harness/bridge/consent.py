"""Nothing is sent to a real API unless it was allowed, given a budget, and consented to by who pays."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from harness.bridge.options import Settings
from harness.bridge.target import Target
from harness.errors import ConfigError
from harness.prices import Prices
from harness.spending.amount import Amount
from harness.spending.estimate import Estimate
from harness.spending.given import BUDGETS
from harness.spending.said import Offered, table
from harness.spending.terms import Terms


@dataclass(frozen=True, slots=True)
class Consent:
    """To send to one API, and to spend so much on each run."""

    target: Target
    limit: Amount
    prices: Prices
    models: frozenset[str]

    def check(self, target: Target, limit: Amount, prices: Prices, models: Iterable[str]) -> None:
        """That it covers a run that the web UI has changed since. Raises ConfigError."""
        if target != self.target:
            raise ConfigError(
                f"{self.target.shown} with {self.target.model} was consented to at the start, and not"
                f" {target.shown} with {target.model}: start again with --host, --wire and --model for it"
            )
        if prices != self.prices:
            raise ConfigError("--prices: not those of the consent at the start: start again with them")
        if others := sorted(set(models) - self.models):
            raise ConfigError(
                f"model {', '.join(others)}: not consented to at the start: start again with it"
            )
        if not limit.fits(self.limit):
            raise ConfigError(
                f"{BUDGETS}: more than was consented to at the start: start again with the larger budget"
            )


def offered(target: Target, settings: Settings, terms: Terms, prices: Prices, found: Estimate) -> Offered:
    """What is consented to."""
    return Offered(
        api=target.shown,
        wire=target.wire,
        model=target.model,
        key=target.key_variable,
        price=prices.of(target.model),
        source=prices.source,
        limit=terms.limit,
        estimate=found,
        tries=settings.policy.retry.attempts,
    )


def ask(what: Offered, *, yes: bool, web_ui: bool) -> None:
    """Show what a run may cost, and have somebody say yes to it. Raises ConfigError where nobody does."""
    each = "each run may spend this" if web_ui else "this run may spend this"
    _say(f"primetime: this is a real API, and {each}:\n{table(what)}\n")
    if yes:
        return
    if web_ui:
        raise ConfigError("the web UI cannot ask for consent to this cost: give --yes, or --headless")
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError("there is no terminal to ask for consent to this cost: give --yes")
    _say("Send these requests? [y/N] ")
    if _answer() not in {"y", "yes"}:
        raise ConfigError("not consented to: nothing was sent")


def _answer() -> str:
    try:
        return sys.stdin.readline().strip().lower()
    except KeyboardInterrupt:
        _say("\n")
        return "no"


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
