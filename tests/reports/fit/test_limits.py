"""Limits as headers and messages tell them."""

from pathlib import Path

import pytest

from harness.model import Attempt, Fault, Level, Levels, Outcome
from reports.fit.limits import Limit, find_limits, over_a_limit
from tests.reports.fit import made

OPENAI_429 = (
    "HTTP 429: Rate limit reached for gpt-4.1 in organization org-1 on tokens per min (TPM): Limit 30000,"
    " Used 28039, Requested 3906. Please try again in 3.89s."
)
ANTHROPIC_429 = (
    "HTTP 429: This request would exceed your organization's rate limit of 30,000 input tokens per minute"
)


def _asked(path: Path, *told: Levels | None, detail: str = "") -> object:
    attempts = [made.attempt(i, i, i + 1, told=one) for i, one in enumerate(told)]
    return find_limits(made.observed(path / "run", attempts, detail=detail))


def test_headers_tell_limits_exactly(tmp_path: Path) -> None:
    told = [made.levels((4321, 4320 - i), (3_210_000, 3_209_000)) for i in range(3)]
    found = _asked(tmp_path, None, *told)
    assert found.known == (Limit("rpm", 4321, 3, "headers"), Limit("tpm", 3_210_000, 3, "headers"))
    assert (found.window_s, found.window_told) == (60.0, True)


@pytest.mark.parametrize(
    ("left", "window_s", "told"), [(99, 10.0, True), (599, 60.0, True), (423, 60.0, False)]
)
def test_a_full_bucket_tells_how_much_it_holds(
    tmp_path: Path, left: int, window_s: float, *, told: bool
) -> None:
    found = _asked(tmp_path, made.levels((600, left)), made.levels((600, left - 3)))
    assert (found.window_s, found.window_told) == (window_s, told)


@pytest.mark.parametrize(
    ("left", "window_s", "told"),
    # 15 s of 100,000 are 25,000: the first request asked for 500 of them, and 90 + 170 were counted.
    [(24_500, 15.0, True), (25_000, 15.0, True), (100_000, 60.0, True), (18_000, 60.0, False)],
)
def test_a_full_bucket_of_tokens_tells_it_where_requests_have_no_limit(
    tmp_path: Path, left: int, window_s: float, *, told: bool
) -> None:
    first = made.attempt(0, 0, 1, tokens=(90, 170), told=made.levels(None, (100_000, left)))
    if left in (25_000, 100_000):  # it was turned away and counted nothing
        first = made.attempt(0, 0, 1, Outcome.TRANSIENT, told=made.levels(None, (100_000, left)))
    later = made.attempt(1, 2, 3, tokens=(100, 450), told=made.levels(None, (100_000, 17_000)))
    found = find_limits(made.observed(tmp_path / "run", [first, later]))
    assert [limit.key for limit in found.known] == ["tpm"]
    assert (found.window_s, found.window_told) == (window_s, told)


def test_what_was_told_most_stands_and_the_rest_is_kept(tmp_path: Path) -> None:
    found = _asked(tmp_path, *[made.levels((600, 5))] * 3, made.levels((900, 5)))
    assert found.known == (Limit("rpm", 600, 4, "headers", (900,)),)


def test_input_and_output_stand_for_their_sum(tmp_path: Path) -> None:
    both = Levels(Level(50, 49), Level(38_000, 1), Level(30_000, 1), Level(8_000, 1))
    found = _asked(tmp_path, both)
    assert {limit.key: limit.value for limit in found.known} == {"rpm": 50, "itpm": 30_000, "otpm": 8_000}


@pytest.mark.parametrize(
    ("detail", "key", "value"), [(OPENAI_429, "tpm", 30_000), (ANTHROPIC_429, "itpm", 30_000)]
)
def test_without_headers_refusals_tell_it(tmp_path: Path, detail: str, key: str, value: int) -> None:
    found = _asked(tmp_path, None, None, detail=detail)
    assert found.known == (Limit(key, value, 2, "messages of 429s"),)


def test_a_429_is_of_a_limit_where_its_headers_say_so(tmp_path: Path) -> None:
    def refused(call_id: int, told: Levels | None) -> object:
        return made.attempt(
            call_id, call_id, call_id + 1, Outcome.THROTTLED, fault=Fault.STATUS, status=429, told=told
        )

    attempts = [
        refused(0, made.levels((600, 0), (240_000, 39_000))),
        refused(1, made.levels((600, 80), (240_000, 150))),
        refused(2, made.levels((600, 80), (240_000, 39_000))),  # nothing was short: the provider's own
        refused(3, None),
        made.attempt(4, 4, 5, tokens=(100, 80), told=made.levels((600, 0), (240_000, 0))),  # ok
    ]
    observed = made.observed(tmp_path / "run", attempts)
    assert over_a_limit(observed, find_limits(observed)).tolist() == [True, True, False, False, False]


def _short_of(*left: int) -> list[Attempt]:
    """429s of a limit of tokens, with so many left; the only reply that was counted had 180."""
    refused = [
        made.attempt(
            i, i, i + 1, Outcome.THROTTLED, fault=Fault.STATUS, status=429, code="rate_limit_exceeded",
            told=made.levels(None, (30_000, tokens)),
        )
        for i, tokens in enumerate(left)
    ]  # fmt: skip
    reply = made.attempt(900, 900, 901, tokens=(100, 80), told=made.levels(None, (30_000, 20_000)))
    return [*refused, reply]


def test_a_refusal_tells_what_the_largest_request_asked_for(tmp_path: Path) -> None:
    # 3,906 are asked for, though no reply is that long: max_tokens count.
    attempts = _short_of(100, 3_905, 3_907)
    observed = made.observed(tmp_path / "run", attempts, detail=OPENAI_429)
    assert over_a_limit(observed, find_limits(observed)).tolist() == [True, True, False, False]


@pytest.mark.parametrize(("times", "of_the_limit"), [(40, True), (39, False)])
def test_a_few_with_little_more_left_are_larger_requests(
    tmp_path: Path, times: int, *, of_the_limit: bool
) -> None:
    # 2 in 40 are few; with 20,000 left nothing was short.
    observed = made.observed(tmp_path / "run", _short_of(*[100] * times, 500, 700, 20_000))
    found = over_a_limit(observed, find_limits(observed)).tolist()
    assert found == [*[True] * times, of_the_limit, of_the_limit, False, False]
