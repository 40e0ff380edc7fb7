"""One cheap request before all others: whether key, address, model and format are what the API wants."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from harness.client.endpoint import Endpoint
from harness.client.explain import Answer, explain, explain_silence
from harness.errors import ConfigError
from harness.exchange.peer import without
from harness.model import Message, Request, Usage
from harness.spending.amount import Amount
from harness.spending.given import BUDGETS
from harness.spending.terms import Terms
from harness.transport.base import USER_AGENT
from harness.transport.trust import tls_context
from harness.wire.choose import wire_named

#: Longest wait for the reply: of one token.
TIMEOUT_S = 30.0

#: Largest reply read.
MOST_BYTES = 1 << 20

PROMPT = "ok"


@dataclass(frozen=True, slots=True)
class Trial:
    """A request that asks for one token; its body bounds what it can cost."""

    endpoint: Endpoint
    model: str
    body: bytes = field(repr=False)

    def send(self) -> Usage | None:
        """Send it, and wait; the tokens that the API counted, if it did.

        Raises ConfigError that says what is wrong and what to do; no message shows the key.
        """
        endpoint = self.endpoint
        try:
            answer = self._ask()
        except (OSError, HTTPException) as error:
            why = explain_silence(error, endpoint.shown)
            raise ConfigError(without(why, endpoint.key)) from None
        parsed = wire_named(endpoint.wire).parse(answer.status, answer.headers, answer.body)
        wrong = explain(answer, parsed, endpoint, self.model)
        if wrong is not None:
            raise ConfigError(without(wrong, endpoint.key))
        return parsed.usage

    def _ask(self) -> Answer:
        endpoint = self.endpoint
        parts, wire = urlsplit(endpoint.url), wire_named(endpoint.wire)
        connection = _connection(parts.scheme, parts.hostname or "", parts.port)
        try:
            headers = {**wire.headers(endpoint.key), "user-agent": USER_AGENT}
            connection.request("POST", parts.path + wire.path, self.body, headers)
            response = connection.getresponse()
            lines = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, lines, response.read(MOST_BYTES))
        finally:
            connection.close()


def try_out(endpoint: Endpoint, model: str, terms: Terms) -> Amount:
    """Make the cheapest request there is, and pay for it; what it cost.

    Raises ConfigError where the budget does not cover it, and for what is wrong with the API.
    """
    request = Request((Message("user", PROMPT),), model, max_tokens=1)
    trial = Trial(endpoint, model, wire_named(endpoint.wire).encode(request))
    most = terms.meter.most(trial.body)
    if not most.fits(terms.limit):
        raise ConfigError(f"{BUDGETS}: expected enough for a first request of up to {most.tokens} tokens")
    usage = trial.send()
    return most if usage is None else terms.meter.cost(usage, model)


def _connection(scheme: str, host: str, port: int | None) -> HTTPConnection:
    if scheme == "https":
        context: ssl.SSLContext = tls_context()
        return HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
    return HTTPConnection(host, port, timeout=TIMEOUT_S)
