"""The API that a worker calls, and what it may spend there."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from harness.client.client import ResilientClient
from harness.client.endpoint import DEFAULT_MODELS, Endpoint
from harness.client.keys import find_key
from harness.client.trial import try_out
from harness.errors import ConfigError
from harness.policy.config import Policy
from harness.policy.respectful import respectful
from harness.spending.given import check_allowed, count, picodollars, prices_from
from harness.spending.purse import Purse
from harness.spending.said import budget
from harness.spending.terms import Terms, terms_of
from harness.transport import httpx_transport
from harness.transport.base import Transport
from harness.transport.budgeted import BudgetedTransport
from harness.transport.till import Till
from harness.wire.address import is_loopback

#: Stands for a key until the address says which one it is.
_UNKNOWN = "sk-unknown"


@dataclass(frozen=True, slots=True)
class Api:
    """An API, and this worker's part of the budget for it; None where nothing is counted."""

    endpoint: Endpoint
    model: str
    terms: Terms | None

    @property
    def real(self) -> bool:
        """Whether it is not this machine."""
        return not is_loopback(self.endpoint.url)

    @property
    def budget(self) -> str:
        """Its part, in words; empty without one."""
        return "" if self.terms is None else budget(self.terms.limit)

    def client(self, policy: Policy, till: Till | None, *, send_ids: bool) -> ResilientClient:
        """A client for it, which pays at the till."""
        transport: Transport = httpx_transport.build(policy.connections)
        return ResilientClient(
            self.endpoint.url,
            self.endpoint.key,
            wire=self.endpoint.wire,
            model=self.model,
            policy=respectful(policy) if self.real else policy,
            transport=transport if till is None else BudgetedTransport(transport, till),
            send_ids=send_ids,
        )

    def try_out(self, till: Till | None) -> None:
        """Pay for one cheap request to a real API. Raises ConfigError that says what is wrong with it."""
        if self.real and self.terms is not None and till is not None:
            till.purse.spent += try_out(self.endpoint, self.model, self.terms)


def api_of(options: argparse.Namespace, policy: Policy, part: tuple[int, int]) -> Api:
    """What the options name.

    Raises ConfigError, also for an API elsewhere that was not allowed and given a budget.
    """
    endpoint = _endpoint(options)
    model = options.model or DEFAULT_MODELS[endpoint.wire]
    real = not is_loopback(endpoint.url)
    terms = _terms(options, policy, model, real=real)
    where = f"--base-url {endpoint.shown}"
    check_allowed(where, real=real, allowed=options.allow_real_target, limited=_limited(options))
    return Api(endpoint, model, None if terms is None else terms.part(*part))


def till_of(api: Api, spent: Callable[[], None]) -> Till | None:
    """Where its requests are paid; `spent` is called when it can pay no more."""
    return None if api.terms is None else Till(Purse.alone(api.terms.limit), api.terms.meter, spent)


def _endpoint(options: argparse.Namespace) -> Endpoint:
    """The API; its key is that of its host. Raises ConfigError."""
    found = Endpoint(options.base_url, _UNKNOWN, options.wire)
    key = find_key(found.url, found.wire)
    if key.value is None:
        raise ConfigError(f"{key.variable} is not set: it has to hold the key for --base-url {found.shown}")
    return Endpoint(found.url, key.value, found.wire)


def _limited(options: argparse.Namespace) -> bool:
    return bool(options.max_usd) or options.max_requests is not None or options.max_tokens is not None


def _terms(options: argparse.Namespace, policy: Policy, model: str, *, real: bool) -> Terms | None:
    second = policy.fallback.model
    return terms_of(
        count("--max-requests", options.max_requests),
        count("--max-tokens", options.max_tokens),
        picodollars("--max-usd", options.max_usd),
        prices=prices_from(options.prices),
        models={"--model": model} | ({} if second is None else {"fallback.model": second}),
        real=real,
    )
