"""The short way to read a usual chat request comes to what the long way comes to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.errors import WireError
from mockserver.wire.openai_request import _as_usual, _parse_any, parse_chat

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 200_000), st.floats(-1, 3), TEXT, st.lists(TEXT, max_size=2)
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "system", "tool", "nobody"]), "content": TEXT},
        optional={"name": TEXT},
    ),
    max_size=3,
)
BODIES = st.fixed_dictionaries(
    {"model": st.one_of(st.sampled_from(["gpt-4.1", "gpt-4o-2024-08-06", "", "other"]), VALUES)},
    optional={
        "messages": st.one_of(MESSAGES, VALUES),
        "max_tokens": VALUES,
        "temperature": VALUES,
        "stream": VALUES,
        "n": VALUES,
        "made_up": VALUES,
    },
)


@given(BODIES)
def test_what_is_read_the_short_way_is_what_the_long_way_reads(document: dict[str, Any]) -> None:
    body = msgspec.json.encode(document)
    usual = _as_usual(body)
    if usual is not None:
        assert usual == _parse_any(body)


def test_what_the_client_sends_is_usual_and_what_is_wrong_is_not() -> None:
    sent = {
        "model": "gpt-4.1",
        "messages": [{"role": "system", "content": "ก" * 10}, {"role": "user", "content": "ข" * 5}],
        "max_tokens": 200,
        "temperature": 0.7,
    }
    usual = _as_usual(msgspec.json.encode(sent))
    assert usual is not None
    assert (usual.model, usual.prompt_tokens, usual.max_tokens) == ("gpt-4.1", 8, 200)
    for change in ({"max_tokens": 0}, {"max_tokens": 40_000}, {"temperature": 3}, {"messages": []}):
        body = msgspec.json.encode(sent | change)
        assert _as_usual(body) is None
        with pytest.raises(WireError) as raised:
            parse_chat(body)
        assert raised.value.status == 400
