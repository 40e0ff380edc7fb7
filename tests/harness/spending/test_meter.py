"""What a request costs at most, and what it cost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model import Fault, Message, Outcome, Reply, Request, Usage
from harness.prices import Price, Prices
from harness.spending.amount import ONE_REQUEST, Amount
from harness.spending.meter import Meter, UnboundedError
from harness.wire.base import Parsed
from harness.wire.choose import wire_named
from mockserver.text import count_tokens

#: Easy on paper: $1 and $2 a million tokens.
PRICES = Prices("paper.toml", {"m": Price(1_000_000, 2_000_000)})

METER = Meter(tokens=True, prices=PRICES, strict=True)


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", **fields}, separators=(",", ":")).encode()


OK = Parsed(Outcome.OK, usage=Usage(30, 4))


def test_a_request_costs_no_more_than_its_bytes_and_all_it_asks_for() -> None:
    asked = body(max_tokens=50)
    assert len(asked) == 29
    assert METER.most(asked) == Amount(1, 79, 29 * 1_000_000 + 50 * 2_000_000)
    assert METER.most(body(max_completion_tokens=7)).tokens == len(body(max_completion_tokens=7)) + 7
    assert METER.most(body(max_tokens=50, n=3.0)).tokens == len(body(max_tokens=50, n=3.0)) + 150
    assert METER.most(body(max_tokens=50, n=3)).tokens == len(body(max_tokens=50, n=3)) + 150


def test_a_reply_costs_what_the_api_counted() -> None:
    assert METER.billed(body(max_tokens=9), 200, OK) == Amount(1, 34, 38_000_000)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 429, 503, 529])
def test_what_is_refused_before_a_token_is_made_is_not_billed(status: int) -> None:
    assert METER.billed(body(max_tokens=9), status, Parsed(Outcome.FATAL)) == ONE_REQUEST


@pytest.mark.parametrize(
    ("status", "parsed"),
    [
        (200, Parsed(Outcome.OK)),  # no usage told
        (200, Parsed(Outcome.PARTIAL, usage=Usage(30, 1))),  # it broke: more may have been made
        (200, Parsed(Outcome.OK, usage=Usage(0, 4))),  # no prompt has no tokens
        (
            200,
            Parsed(Outcome.OK, reply=Reply("a text", "m", "stop", None), usage=Usage(30, 0)),
        ),  # nor has a text
        (200, Parsed(Outcome.MALFORMED)),
        (500, Parsed(Outcome.TRANSIENT)),
        (504, Parsed(Outcome.TRANSIENT)),
        (408, Parsed(Outcome.TRANSIENT)),
    ],
)
def test_what_nobody_knows_is_billed_at_its_worst(status: int, parsed: Parsed) -> None:
    asked = body(max_tokens=9)
    assert METER.billed(asked, status, parsed) == METER.most(asked)


@pytest.mark.parametrize(
    ("outcome", "fault", "sent"),
    [
        (Outcome.TRANSIENT, Fault.CONNECT, False),
        (Outcome.TIMEOUT, Fault.CONNECT_TIMEOUT, False),
        (Outcome.LOCAL, Fault.POOL, False),
        (Outcome.FATAL, Fault.PROTOCOL, False),  # no address
        (Outcome.TRANSIENT, Fault.READ, True),
        (Outcome.TRANSIENT, Fault.PROTOCOL, True),
        (Outcome.TIMEOUT, Fault.READ_TIMEOUT, True),
    ],
)
def test_a_request_that_never_left_costs_nothing_but_itself(
    outcome: Outcome, fault: Fault, *, sent: bool
) -> None:
    asked = body(max_tokens=9)
    assert METER.unanswered(asked, outcome, fault) == (METER.most(asked) if sent else ONE_REQUEST)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (body(), "expected max_tokens"),
        (body(max_tokens=True), "expected max_tokens"),
        (body(max_tokens=-5), "expected max_tokens"),
        (body(max_tokens=5, n=2.5), r"n = 2\.5 .* expected a count"),
        (json.dumps({"model": "x", "max_tokens": 1}).encode(), "model 'x' has no price in paper.toml"),
        (b'{"max_tokens": 1}', "model None has no price"),
        (b"not a chat", "no chat"),
    ],
)
def test_a_request_without_a_bound_is_refused_where_there_is_a_limit(asked: bytes, said: str) -> None:
    with pytest.raises(UnboundedError, match=said):
        METER.most(asked)


def test_without_a_limit_it_is_counted_as_well_as_can_be() -> None:
    meter = Meter(tokens=True, prices=PRICES)
    assert meter.most(body()).tokens == len(body()) + 256  # as the client's own estimate has it
    assert Meter().most(b"anything") == ONE_REQUEST
    assert not Meter().reads


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1).filter(lambda t: not t.isspace()))
def test_no_text_has_more_tokens_than_its_body_has_bytes(text: str) -> None:
    """By the mock server's count, which is that of Thai in OpenAI's encoding."""
    for name in ("openai", "anthropic"):
        asked = wire_named(name).encode(Request((Message("user", text),), "m", 10))
        assert count_tokens(len(text)) + 10 <= METER.most(asked).tokens
