"""Tokens reserved for a request."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.model import Message, Request
from harness.wire.anthropic import ANTHROPIC
from harness.wire.estimate import estimate_tokens
from harness.wire.openai import OPENAI


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (b'{"messages":[1,2,3],"max_tokens":10}', 2 + 10),  # 7 bytes
        (b'{"messages":[1,23,4],"max_tokens":10}', 2 + 10),  # 8 bytes
        (b'{"messages":[1,23,45],"max_tokens":10}', 3 + 10),  # 9 bytes
        (b'{"messages":[1,2,3],"max_completion_tokens":10}', 2 + 10),
        (b'{"messages":[1,2,3],"system":"12","max_tokens":10}', 3 + 10),  # 7 + 4
        (b'{"prompt":"abcdef","max_tokens":1}', 2 + 1),
        (b'{"messages":[1,2,3]}', 2 + 256),
        (b'{"messages":[1,2,3],"max_tokens":null}', 2 + 256),
        (b'{"messages":[1,2,3],"max_tokens":-5}', 2 + 256),
        (b'{"messages":[1,2,3],"max_tokens":true}', 2 + 256),
        (b'{"messages":[1,2,3],"max_tokens":"10"}', 2 + 256),
        (b'{"messages":[1,2,3],"max_tokens":null,"max_completion_tokens":7}', 2 + 7),
        (b'{"messages":null,"system":null,"max_tokens":3}', 3),
        (b'{"model":"text-embedding-3","input":"abc"}', 256),
        (b"{}", 256),
        (b"", 256),
        (b"[]", 256),
        (b"null", 256),
        (b'{"messages":[1,2', 256),
        (b"--boundary\r\ncontent-disposition: form-data\r\n", 256),
        (b"\xff\xfe" * 1000, 256),
        (b'{"messages":' + b"[" * 100_000, 256),
        (b'{"max_tokens":' + b"9" * 10_000 + b"}", 256),
    ],
)
def test_a_quarter_of_the_text_and_the_longest_reply(body: bytes, tokens: int) -> None:
    assert estimate_tokens(body) == tokens


@given(body=st.binary(max_size=100))
@settings(deadline=None)
def test_no_body_raises(body: bytes) -> None:
    assert estimate_tokens(body) > 0


def test_both_formats_are_read() -> None:
    request = Request((Message("system", "พูดสั้น ๆ"), Message("user", "สวัสดี")), "m", 100)
    for wire in (OPENAI, ANTHROPIC):
        body = wire.encode(request)
        fields = json.loads(body)
        text = sum(
            len(json.dumps(fields[part], ensure_ascii=False, separators=(",", ":")).encode())
            for part in ("messages", "system")
            if part in fields
        )
        assert estimate_tokens(body) == (text + 3) // 4 + 100
