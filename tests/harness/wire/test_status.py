"""What a status and its headers mean."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.model import Fault, Outcome
from harness.wire.status import outcome_of, retry_after_s, should_retry

NOW = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (400, None, Outcome.FATAL),
        (400, "credit_balance_exhausted", Outcome.FATAL),
        (401, "invalid_api_key", Outcome.FATAL),
        (402, None, Outcome.FATAL),
        (402, "billing_error", Outcome.FATAL),
        (403, None, Outcome.FATAL),
        (404, "model_not_found", Outcome.FATAL),
        (408, None, Outcome.TRANSIENT),
        (409, None, Outcome.TRANSIENT),
        (413, None, Outcome.FATAL),
        (422, None, Outcome.FATAL),
        (429, "rate_limit_exceeded", Outcome.THROTTLED),
        (429, None, Outcome.THROTTLED),
        (429, "slow_down", Outcome.THROTTLED),
        (429, "insufficient_quota", Outcome.FATAL),
        (429, "credit_balance_exhausted", Outcome.FATAL),
        (400, "402", Outcome.FATAL),
        (500, "server_error", Outcome.TRANSIENT),
        (502, None, Outcome.TRANSIENT),
        (503, "server_is_overloaded", Outcome.OVERLOADED),
        (504, None, Outcome.TRANSIENT),
        (529, "overloaded_error", Outcome.OVERLOADED),
        (599, None, Outcome.TRANSIENT),
        (302, None, Outcome.FATAL),
        (204, None, Outcome.FATAL),
    ],
)
def test_the_outcome_of_a_status(status: int, code: str | None, outcome: Outcome) -> None:
    quota = status == 402 or code in {"insufficient_quota", "credit_balance_exhausted", "402"}
    assert outcome_of(status, code) == (outcome, Fault.QUOTA if quota else Fault.STATUS)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after-ms": "494"}, 0.494),
        ({"retry-after": "1", "retry-after-ms": "494"}, 0.494),
        ({"retry-after": "1"}, 1.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": " 3 "}, 3.0),
        ({"retry-after": "120", "retry-after-ms": "soon"}, 120.0),
        ({"retry-after": "120", "retry-after-ms": "-5"}, 120.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:44 GMT", "date": NOW}, 7.0),
        ({"retry-after": "Sun, 06 Nov 1994 09:49:37 GMT", "date": NOW}, 3600.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:30 GMT", "date": NOW}, 0.0),
        ({"retry-after": "Sun, 06 Nov 1994 15:49:47 +0700", "date": NOW}, 10.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:44 GMT"}, None),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:44 GMT", "date": "today"}, None),
        ({"retry-after": "Sun, 99 Nov 1994 08:49:44 GMT", "date": NOW}, None),
    ],
)
def test_retry_after_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


@pytest.mark.parametrize(
    "hint",
    [
        "Sun, 06 Nov 99999999999999999999 08:49:44 GMT",
        "Sun, 06 Nov 1994 08:49:44 +99999999999999999999",
        "Sun, 99999999999999999999 Nov 1994 08:49:44 GMT",
    ],
)
def test_a_date_out_of_all_range_is_no_hint(hint: str) -> None:
    assert retry_after_s({"retry-after": hint, "date": NOW}) is None


@given(
    st.text(max_size=40)
    | st.from_regex(
        r"(Sun, )?\d{0,12} Nov \d{0,12} \d{0,4}:\d{0,4}:?\d{0,3} ?([+-]\d{0,10}|GMT)?", fullmatch=True
    )
)
@settings(deadline=None)
def test_no_text_in_retry_after_raises(text: str) -> None:
    hint = retry_after_s({"retry-after": text, "date": NOW})
    assert hint is None or 0 <= hint < float("inf")


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, None),
        ({"x-should-retry": "true"}, True),
        ({"x-should-retry": "false"}, False),
        ({"x-should-retry": "?"}, None),
    ],
)
def test_x_should_retry(headers: dict[str, str], *, said: bool | None) -> None:
    assert should_retry(headers) is said
