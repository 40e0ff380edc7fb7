"""Whether a run may send to its target, and on what terms."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from harness.bridge import consent, preflight
from harness.bridge.estimating import estimate_of
from harness.bridge.options import Settings
from harness.bridge.target import Target
from harness.client.trial import try_out
from harness.errors import ConfigError
from harness.play.offer import Offer
from harness.prices import Prices
from harness.spending.amount import NOTHING, Amount
from harness.spending.given import check_allowed, prices_from
from harness.spending.terms import Terms, terms_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A run that may send. `terms` is None where nothing is counted; `trial` was spent on it already."""

    target: Target
    terms: Terms | None = None
    trial: Amount = NOTHING


class Admission:
    """Decides for one process and all of its runs; what allows and consents is what it was started with."""

    def __init__(self, *, allowed: bool, yes: bool, web_ui: bool) -> None:
        self._allowed = allowed
        self._yes = yes
        self._web_ui = web_ui
        self._consent: consent.Consent | None = None
        self._tried: Admitted | None = None

    def at_start(self, target: Target, settings: Settings, offer: Offer) -> None:
        """Before anything is sent: refuse, or show the cost and ask, then try the API. Raises ConfigError."""
        self._check_allowed(target, settings)
        prices = prices_from(settings.prices)
        terms = _terms(target, settings, prices)
        if not target.real or terms is None:
            preflight.check_reachable(target)
            return
        endpoint = target.endpoint  # which finds the key
        found = estimate_of(offer, settings, terms.meter)
        what = consent.offered(target, settings, terms, prices, found)
        consent.ask(what, yes=self._yes, web_ui=self._web_ui)
        self._consent = consent.Consent(target, terms.limit, prices, frozenset(settings.models.values()))
        policy = settings.policy
        if not (policy.retry.hints and policy.rate.pause):
            logger.warning("policy %s: a real API's Retry-After is obeyed all the same", policy.name)
        logger.info("trying %s with one request of one token", endpoint.shown)
        self._tried = Admitted(target, terms, try_out(endpoint, target.model, terms))

    def check(self, target: Target, settings: Settings) -> Terms | None:
        """The terms of a run, as the options now have them; nothing is sent. Raises ConfigError."""
        self._check_allowed(target, settings)
        prices = prices_from(settings.prices)
        terms = _terms(target, settings, prices)
        if not target.real or terms is None:
            if not target.bundled:
                preflight.check_reachable(target)
        elif self._consent is None:
            raise ConfigError(
                f"--host {target.shown} was not consented to: start again with --host for it, and --yes"
            )
        else:
            self._consent.check(target, terms.limit, prices, settings.models.values())
        return terms

    def for_run(self, target: Target, settings: Settings) -> Admitted:
        """Before a run: a real API is tried. Raises ConfigError."""
        terms = self.check(target, settings)
        if not target.real or terms is None:
            return Admitted(target, terms)
        tried, self._tried = self._tried, None
        if tried is not None and tried.terms == terms:
            return tried
        return Admitted(target, terms, try_out(target.endpoint, target.model, terms))

    def _check_allowed(self, target: Target, settings: Settings) -> None:
        where = f"--host {target.shown}"
        check_allowed(where, real=target.real, allowed=self._allowed, limited=settings.limited)


def _terms(target: Target, settings: Settings, prices: Prices) -> Terms | None:
    return terms_of(
        settings.max_requests,
        settings.max_tokens,
        settings.max_usd,
        prices=prices,
        models=settings.models,
        real=target.real,
    )
