"""The hints beside an injected status, good and bad, as they stand in the head of the reply."""

from email.utils import parsedate_to_datetime
from typing import Any

import anthropic
import openai
import pytest

from tests.mockserver.server.callers import ASKED
from tests.mockserver.server.raw import CHAT_PATH, MESSAGES_PATH, hear, send
from tests.mockserver.server.running import Mock

BOTH = pytest.mark.parametrize("path", [CHAT_PATH, MESSAGES_PATH], ids=["openai", "anthropic"])
HINTS = ("retry-after", "retry-after-ms", "x-should-retry")


def _headers(mock: Mock, path: str, options: str = "") -> dict[str, str]:
    """The headers of a reply with an injected 429; with a fault of the profile if no options are given."""
    fault = {"x-mock-fault": f"status; status=429; {options}"} if options else {}
    with send(mock, path, {"connection": "close"} | fault) as sock:
        heard = hear(sock, silence_s=5)
    assert (heard.status, heard.whole, heard.ending) == (429, True, "closed")
    lines = heard.head.decode().split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines)


def _hints(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name in HINTS}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("retry_after_s=2", {"retry-after": "2", "retry-after-ms": "2000"}),
        # Whole seconds are rounded up: who waits as told is not early.
        ("retry_after_s=2.25", {"retry-after": "3", "retry-after-ms": "2250"}),
        ("retry_after_s=0", {"retry-after": "0", "retry-after-ms": "0"}),
        # Nine and a half years.
        ("retry_after_s=300000000", {"retry-after": "300000000", "retry-after-ms": "300000000000"}),
        ('retry_after="soon"', {"retry-after": "soon"}),
        ('retry_after="-5"', {"retry-after": "-5"}),
        ("should_retry=true", {"x-should-retry": "true"}),
        ("should_retry=false", {"x-should-retry": "false"}),
        (
            "retry_after_s=1; should_retry=false",
            {"retry-after": "1", "retry-after-ms": "1000", "x-should-retry": "false"},
        ),
        ("code=slow_down", {}),
    ],
)
@BOTH
def test_the_hints_of_a_status(mock: Mock, path: str, options: str, expected: dict[str, str]) -> None:
    """Milliseconds are a header of OpenAI's, which Anthropic does not send."""
    told = {name: value for name, value in expected.items() if name != "retry-after-ms" or path == CHAT_PATH}
    assert _hints(_headers(mock, path, options)) == told


@BOTH
def test_a_hint_as_a_date_is_so_many_seconds_ahead(mock: Mock, path: str) -> None:
    headers = _headers(mock, path, "retry_after_s=90; retry_after_date=true")
    assert _hints(headers).keys() == {"retry-after"}
    assert headers["retry-after"].endswith(" GMT")
    ahead = parsedate_to_datetime(headers["retry-after"]) - parsedate_to_datetime(headers["date"])
    assert ahead.total_seconds() in {90, 91}  # rounded up, and the date of the reply down


@BOTH
def test_a_rule_of_the_profile_has_the_same_hints(mock: Mock, path: str) -> None:
    mock.play(request_faults=[{"action": "status", "status": 429, "retry_after": "in a bit"}])
    assert _hints(_headers(mock, path)) == {"retry-after": "in a bit"}


def _by_openai(mock: Mock, **options: Any) -> None:
    url = f"http://127.0.0.1:{mock.port}/v1"
    with openai.OpenAI(api_key="k", base_url=url, **options) as client:
        client.chat.completions.create(**ASKED)


def _by_anthropic(mock: Mock, **options: Any) -> None:
    url = f"http://127.0.0.1:{mock.port}"
    with anthropic.Anthropic(api_key="k", base_url=url, **options) as client:
        client.messages.create(**ASKED)


@pytest.mark.parametrize("ask", [_by_openai, _by_anthropic])
def test_an_sdk_obeys_should_retry_whatever_the_status(mock: Mock, ask: Any) -> None:
    hint = {"retry_after": "0.02", "first": 1}
    told = {"action": "status", "status": 400, "should_retry": True}
    mock.play(request_faults=[told | hint])
    ask(mock, max_retries=2)
    assert mock.stats()["received"] == 2
    forbidden = {"action": "status", "status": 503, "should_retry": False}
    mock.play(request_faults=[forbidden | hint])
    with pytest.raises((openai.InternalServerError, anthropic.ServiceUnavailableError)):
        ask(mock, max_retries=2)
    assert mock.stats()["received"] == 1
