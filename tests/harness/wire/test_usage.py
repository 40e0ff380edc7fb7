"""Tokens in the providers' own forms."""

import json
from typing import Any

import msgspec
import pytest

from harness.model import Usage
from harness.wire.usage import Counts, decode, usage_of


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 57, "completion_tokens": 129, "total_tokens": 186}, Usage(57, 129)),
        # Tokens that only the total tells.
        ({"prompt_tokens": 57, "completion_tokens": 29, "total_tokens": 186}, Usage(57, 129)),
        ({"prompt_tokens": 57, "completion_tokens": 129, "total_tokens": 3}, Usage(57, 129)),
        ({"input_tokens": 57, "output_tokens": 129}, Usage(57, 129)),
        (
            {
                "input_tokens": 57,
                "cache_creation_input_tokens": 100,
                "cache_read_input_tokens": 1000,
                "output_tokens": 129,
            },
            Usage(1157, 129),
        ),
        (
            {"input_tokens": 5, "output_tokens": 0, "cache_creation_input_tokens": None},
            Usage(5, 0),
        ),
        # The Responses API of OpenAI.
        (
            {"input_tokens": 36, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 87},
            Usage(36, 87),
        ),
        ({"prompt_tokens": 2**31 - 1, "completion_tokens": 0}, Usage(2**31 - 1, 0)),
        ({"prompt_tokens": 2**31, "completion_tokens": 0}, None),
        ({"prompt_tokens": -1, "completion_tokens": 0}, None),
        ({"prompt_tokens": "1", "completion_tokens": 0}, None),
        ({"prompt_tokens": True, "completion_tokens": 0}, None),
        ({"prompt_tokens": 1.5, "completion_tokens": 0}, None),
        ({"prompt_tokens": None, "completion_tokens": 0}, None),
        ({"prompt_tokens": 8, "total_tokens": 8}, None),
        # Both forms at once: the first is taken where it is whole.
        (
            {"prompt_tokens": 8, "completion_tokens": 9, "input_tokens": 1, "output_tokens": 1},
            Usage(8, 9),
        ),
        ({"prompt_tokens": 8, "input_tokens": 1, "output_tokens": 2}, Usage(1, 2)),
        ({"prompt_tokens": 10**30, "completion_tokens": 0}, None),
        ({"input_tokens": 2**31 - 1, "cache_read_input_tokens": 1, "output_tokens": 1}, None),
        ({}, None),
        ([], None),
        (None, None),
        ("usage", None),
    ],
)
def test_usage_in_either_form(usage: Any, expected: Usage | None) -> None:
    assert usage_of(usage) == expected


def test_later_counts_replace_earlier_ones() -> None:
    start = Counts(input_tokens=25, output_tokens=1, cache_read_input_tokens=10)
    later = start.updated(Counts(output_tokens=15))
    assert (start.total(), later.total()) == (Usage(35, 1), Usage(35, 15))


class _Inner(msgspec.Struct):
    usage: Counts | None = None


class _Outer(msgspec.Struct):
    name: str
    usage: Counts | None = None
    message: _Inner | None = None


_outer = msgspec.json.Decoder(_Outer)
MARK = b"\xef\xbb\xbf"

#: What `usage` may be without costing the reply.
NO_USAGE = [
    None,
    {},
    {"total_tokens": 5},
    {"input_tokens": -1},
    {"output_tokens": "9"},
    [],
    [5],
    "free",
    5,
    0.5,
    True,
]


@pytest.mark.parametrize("mark", [b"", MARK])
@pytest.mark.parametrize("usage", NO_USAGE)
def test_a_usage_that_cannot_be_read_costs_no_document(usage: Any, mark: bytes) -> None:
    data = json.dumps({"name": "a", "usage": usage, "message": {"usage": usage}}).encode()
    document = decode(_outer, mark + data)
    assert document.name == "a"
    assert document.usage is None or document.usage.total() is None
    assert document.message is not None
    assert document.message.usage is None or document.message.usage.total() is None


@pytest.mark.parametrize("mark", [b"", MARK])
def test_a_usage_that_can_be_read_is_kept(mark: bytes) -> None:
    document = decode(
        _outer, mark + b'{"name":"a","usage":{"prompt_tokens":1,"completion_tokens":2,"cost":0.1}}'
    )
    assert document.usage is not None
    assert document.usage.total() == Usage(1, 2)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        MARK,
        MARK + MARK + b"{",
        b"{",
        b"[]",
        b"5",
        b'{"name":5}',
        b'{"usage":[]}',
        b'{"name":5,"usage":[]}',
    ],
)
def test_what_is_no_such_document_is_none(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(_outer, data)
