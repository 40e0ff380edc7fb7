"""Tokens in the providers' own forms."""

from typing import Any

import pytest

from harness.model import Usage
from harness.wire.usage import AnthropicUsage, usage_of


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 57, "completion_tokens": 129, "total_tokens": 186}, Usage(57, 129)),
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
    start = AnthropicUsage(input_tokens=25, output_tokens=1, cache_read_input_tokens=10)
    later = start.updated(AnthropicUsage(output_tokens=15))
    assert (start.total(), later.total()) == (Usage(35, 1), Usage(35, 15))
