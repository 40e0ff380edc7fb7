"""Rate limits as headers tell them."""

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.model import Level, Levels
from harness.wire.levels import levels

OPENAI = {
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-limit-tokens": "30000000",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-remaining-tokens": "0",
    "x-ratelimit-reset-requests": "6ms",
    "x-ratelimit-reset-tokens": "1m0.052s",
}
ANTHROPIC = {
    "anthropic-ratelimit-requests-limit": "4000",
    "anthropic-ratelimit-requests-remaining": "3999",
    "anthropic-ratelimit-requests-reset": "2025-01-01T13:00:00Z",
    "anthropic-ratelimit-input-tokens-limit": "400000",
    "anthropic-ratelimit-input-tokens-remaining": "399000",
    "anthropic-ratelimit-output-tokens-limit": "80000",
    "anthropic-ratelimit-output-tokens-remaining": "80000",
}


def test_openais_names() -> None:
    assert levels(OPENAI) == Levels(Level(10_000, 9_999), Level(30_000_000, 0))


def test_anthropics_names_tell_input_and_output_apart() -> None:
    found = levels(ANTHROPIC)
    assert found == Levels(Level(4_000, 3_999), None, Level(400_000, 399_000), Level(80_000, 80_000))
    assert found.prompt_tokens == Level(400_000, 399_000)


def test_a_prompt_counts_against_anthropics_tokens_before_input_tokens() -> None:
    both = ANTHROPIC | {
        "anthropic-ratelimit-tokens-limit": "480000",
        "anthropic-ratelimit-tokens-remaining": "1000",
    }
    found = levels(both)
    assert found is not None
    assert found.tokens == found.prompt_tokens == Level(480_000, 1_000)
    assert found.input_tokens == Level(400_000, 399_000)


def test_names_are_found_in_any_case_where_the_mapping_does() -> None:
    upper = httpx.Headers({name.title(): value for name, value in OPENAI.items()})
    assert levels(upper) == levels(OPENAI)


@pytest.mark.parametrize("headers", [{}, {"content-type": "application/json"}])
def test_no_levels_where_none_are_told(headers: dict[str, str]) -> None:
    assert levels(headers) is None


def test_one_level_alone() -> None:
    requests = {name: value for name, value in OPENAI.items() if name.endswith("requests")}
    assert levels(requests) == Levels(requests=Level(10_000, 9_999))
    tokens = {name: value for name, value in OPENAI.items() if name.endswith("tokens")}
    assert levels(tokens) == Levels(tokens=Level(30_000_000, 0))


@pytest.mark.parametrize("bad", ["", "-1", "1.5", "many", "1_000", "1,000", "nan", "๑๒", "²", "+1", "9" * 19])
@pytest.mark.parametrize("name", ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens"])
def test_a_bad_number_loses_its_own_level_only(name: str, bad: str) -> None:
    assert levels(OPENAI | {name: bad}) == Levels(requests=Level(10_000, 9_999))


def test_a_limit_without_what_is_left_is_none() -> None:
    assert levels({"x-ratelimit-limit-tokens": "5"}) is None
    assert levels({"x-ratelimit-remaining-tokens": "5"}) is None


def test_a_limit_of_nothing_is_none() -> None:
    assert levels({"x-ratelimit-limit-tokens": "0", "x-ratelimit-remaining-tokens": "0"}) is None


def test_blanks_around_a_number_are_no_part_of_it() -> None:
    headers = {"x-ratelimit-limit-tokens": " 5 ", "x-ratelimit-remaining-tokens": "\t4"}
    assert levels(headers) == Levels(tokens=Level(5, 4))


@given(st.dictionaries(st.sampled_from([*OPENAI, *ANTHROPIC]), st.text(max_size=30)))
@settings(deadline=None)
def test_no_header_raises(headers: dict[str, str]) -> None:
    found = levels(headers)
    for level in (found.requests, found.tokens) if found else ():
        assert level is None or (level.limit > 0 and level.remaining >= 0)
