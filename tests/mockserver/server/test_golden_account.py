"""What replies say of the account behind a request, held against what the providers document."""

import re

import pytest

from tests.mockserver.server.asking import chat, message
from tests.mockserver.server.golden_files import golden_json
from tests.mockserver.server.running import Mock


def test_openai_names_the_organisation_in_every_reply(mock: Mock) -> None:
    # https://developers.openai.com/api/reference/overview, "Debugging requests"
    assert chat(mock).headers.get("openai-organization")


@pytest.mark.parametrize("by_capacity", [False, True])
def test_slow_down_is_a_rate_limit_error(mock: Mock, *, by_capacity: bool) -> None:
    # https://developers.openai.com/api/docs/guides/error-codes, as cited by
    # https://learn.microsoft.com/en-us/microsoft-cloud/dev/dev-proxy/concepts/openai-rate-limit-reached
    if by_capacity:
        mock.play(capacity={"slots": 1, "background": [["20:00", 1.0]], "overload_status": 429})
    fault = {} if by_capacity else {"x-mock-fault": "status; status=429; code=slow_down"}
    answer = chat(mock, fault)
    assert (answer.status, answer.document["error"]["code"]) == (429, "slow_down")
    assert answer.document["error"]["type"] == "rate_limit_error"


def test_an_exhausted_balance_is_of_the_type_insufficient_quota(mock: Mock) -> None:
    # https://help.openai.com/en/articles/6614457-troubleshooting-api-usage-and-spend-limits
    fault = {"x-mock-fault": "status; status=429; code=credit_balance_exhausted"}
    error = chat(mock, fault).document["error"]
    assert (error["type"], error["code"]) == ("insufficient_quota", "credit_balance_exhausted")


def test_anthropic_names_the_organisation_in_every_reply(mock: Mock) -> None:
    # https://platform.claude.com/docs/en/api/overview, "Response headers"
    assert message(mock).headers.get("anthropic-organization-id")


def test_anthropic_tells_remaining_tokens_in_thousands(mock: Mock) -> None:
    # https://platform.claude.com/docs/en/api/rate-limits: "rounded to the nearest thousand"
    mock.play(limits={"rpm": 50, "itpm": 30_000, "otpm": 8_000})
    headers = message(mock).headers
    told = [headers[f"anthropic-ratelimit-{kind}-remaining"] for kind in ("input-tokens", "output-tokens")]
    assert told == ["30000", "8000"]


def test_anthropic_says_the_golden_sentence_over_a_limit(mock: Mock) -> None:
    def plain(sentence: str) -> str:
        """Without what depends on the account: the organisation, the model, and the contact."""
        sentence = re.sub(r"org: [\w-]+, model: [\w.-]+", "org: o, model: m", sentence)
        return sentence.replace("https://www.anthropic.com/contact-sales", "https://claude.com/contact-sales")

    mock.play(limits={"itpm": 30_000})
    filling = "x" * 59_000  # 29,500 tokens
    assert message(mock, messages=[{"role": "user", "content": filling}]).status == 200
    answer = message(mock, messages=[{"role": "user", "content": filling}])
    assert answer.status == 429
    golden = golden_json("anthropic-error-429")["error"]["message"]
    assert plain(answer.document["error"]["message"]) == plain(golden)
