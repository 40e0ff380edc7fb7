"""Each injected status as the class of the official SDKs, with its request id and its hints."""

import anthropic
import openai
import pytest

from tests.mockserver.server.callers import ASKED, asking
from tests.mockserver.server.running import Mock

# Status -> class, and the code beside it (https://platform.openai.com/docs/guides/error-codes).
BY_OPENAI: dict[int, tuple[type[openai.APIStatusError], str | None]] = {
    400: (openai.BadRequestError, None),
    401: (openai.AuthenticationError, "invalid_api_key"),
    403: (openai.PermissionDeniedError, "permission_denied"),
    404: (openai.NotFoundError, "model_not_found"),
    408: (openai.APIStatusError, None),  # no class of its own
    409: (openai.ConflictError, None),
    413: (openai.APIStatusError, None),  # no class of its own
    422: (openai.UnprocessableEntityError, None),
    429: (openai.RateLimitError, "rate_limit_exceeded"),
    500: (openai.InternalServerError, None),
    503: (openai.InternalServerError, "server_is_overloaded"),
    504: (openai.InternalServerError, None),
    529: (openai.InternalServerError, None),
}

# Status -> class, and the type in the envelope (https://docs.anthropic.com/en/api/errors).
BY_ANTHROPIC: dict[int, tuple[type[anthropic.APIStatusError], str]] = {
    400: (anthropic.BadRequestError, "invalid_request_error"),
    401: (anthropic.AuthenticationError, "authentication_error"),
    403: (anthropic.PermissionDeniedError, "permission_error"),
    404: (anthropic.NotFoundError, "not_found_error"),
    409: (anthropic.ConflictError, "invalid_request_error"),
    413: (anthropic.RequestTooLargeError, "request_too_large"),
    422: (anthropic.UnprocessableEntityError, "invalid_request_error"),
    429: (anthropic.RateLimitError, "rate_limit_error"),
    500: (anthropic.InternalServerError, "api_error"),
    503: (anthropic.ServiceUnavailableError, "overloaded_error"),
    504: (anthropic.DeadlineExceededError, "timeout_error"),
    529: (anthropic.OverloadedError, "overloaded_error"),
}


def _fault(status: int) -> dict[str, str]:
    return asking(f"status; status={status}; retry_after_s=2.5; should_retry=false")


@pytest.mark.parametrize("status", BY_OPENAI)
def test_a_status_as_openai_has_it(mock: Mock, status: int) -> None:
    url = f"http://127.0.0.1:{mock.port}/v1"
    with (
        openai.OpenAI(api_key="k", base_url=url, max_retries=0) as client,
        pytest.raises(openai.APIStatusError) as caught,
    ):
        client.chat.completions.create(**ASKED, extra_headers=_fault(status))
    error, headers = caught.value, caught.value.response.headers
    assert (type(error), error.code) == BY_OPENAI[status]
    assert error.status_code == status
    assert error.request_id == headers["x-request-id"]
    assert error.request_id.startswith("req_")
    hints = [headers[name] for name in ("retry-after", "retry-after-ms", "x-should-retry")]
    assert hints == ["3", "2500", "false"]


@pytest.mark.parametrize("status", BY_ANTHROPIC)
def test_a_status_as_anthropic_has_it(mock: Mock, status: int) -> None:
    url = f"http://127.0.0.1:{mock.port}"
    with (
        anthropic.Anthropic(api_key="k", base_url=url, max_retries=0) as client,
        pytest.raises(anthropic.APIStatusError) as caught,
    ):
        client.messages.create(**ASKED, extra_headers=_fault(status))
    error, headers = caught.value, caught.value.response.headers
    assert isinstance(error.body, dict)
    assert (type(error), error.body["error"]["type"]) == BY_ANTHROPIC[status]
    assert error.status_code == status
    assert error.request_id == headers["request-id"] == error.body["request_id"]
    assert error.request_id.startswith("req_")
    assert [headers["retry-after"], headers["x-should-retry"]] == ["3", "false"]
    assert "retry-after-ms" not in headers
