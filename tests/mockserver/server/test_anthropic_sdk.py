"""The official SDK is the judge of the messages API, whole and streamed."""

import asyncio
from typing import Any

import anthropic
import pytest

from mockserver.wire.request import MAX_BODY_BYTES
from tests.mockserver.server.running import Mock

ASKED: dict[str, Any] = {
    "model": "claude-sonnet",
    "max_tokens": 50,
    "messages": [{"role": "user", "content": "เขียนแคปชั่นให้ร้านกาแฟ"}],  # 23 characters, 12 tokens
}


KEY = {"x-api-key": "k", "anthropic-version": "2023-06-01"}


def _client(mock: Mock, timeout_s: float = 5.0) -> anthropic.AsyncAnthropic:
    url = f"http://127.0.0.1:{mock.port}"
    return anthropic.AsyncAnthropic(api_key="sk-ant-test", base_url=url, max_retries=0, timeout=timeout_s)


def _tokens(count: int) -> dict[str, str]:
    return {"x-primetime-tokens": str(count)}


async def _create(mock: Mock, headers: dict[str, str] | None = None, **fields: Any) -> Any:
    async with _client(mock) as client:
        return await client.messages.create(**(ASKED | fields), extra_headers=headers or _tokens(30))


def _error(mock: Mock, headers: dict[str, str] | None = None, **fields: Any) -> anthropic.APIStatusError:
    with pytest.raises(anthropic.APIStatusError) as caught:
        asyncio.run(_create(mock, headers, **fields))
    return caught.value


def _kind(error: anthropic.APIStatusError) -> str:
    assert isinstance(error.body, dict)
    assert error.body["request_id"] == error.response.headers["request-id"]
    return str(error.body["error"]["type"])


def test_a_message_with_its_usage(mock: Mock) -> None:
    message = asyncio.run(_create(mock, system="ตอบสั้นๆ"))  # 8 characters more, 4 tokens
    assert message.content[0].text == mock.chat(_tokens(30))[2]["choices"][0]["message"]["content"]
    assert (message.role, message.model, message.stop_reason) == ("assistant", "claude-sonnet", "end_turn")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (16, 30)
    assert message._request_id.startswith("req_")


def test_a_cut_message_stops_at_max_tokens(mock: Mock) -> None:
    message = asyncio.run(_create(mock, _tokens(99)))
    assert (message.stop_reason, message.usage.output_tokens) == ("max_tokens", 50)


def test_a_stream_by_the_helper(mock: Mock) -> None:
    async def main() -> tuple[list[str], Any]:
        async with (
            _client(mock) as client,
            client.messages.stream(**ASKED, extra_headers=_tokens(30)) as stream,
        ):
            pieces = [piece async for piece in stream.text_stream]
            return pieces, await stream.get_final_message()

    pieces, message = asyncio.run(main())
    assert len(pieces) == 30
    assert "".join(pieces) == mock.chat(_tokens(30))[2]["choices"][0]["message"]["content"]
    assert message.content[0].text == "".join(pieces)
    assert (message.stop_reason, message.usage.input_tokens, message.usage.output_tokens) == (
        "end_turn",
        12,
        30,
    )


def test_a_stream_of_events_in_their_order(mock: Mock) -> None:
    async def main() -> list[str]:
        async with _client(mock) as client:
            events = await client.messages.create(**ASKED, stream=True, extra_headers=_tokens(2))
            return [event.type async for event in events]

    kinds = [kind for kind in asyncio.run(main()) if kind != "ping"]  # the SDK may keep pings to itself
    assert kinds == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_the_models_are_listed(mock: Mock) -> None:
    async def main() -> None:
        async with _client(mock) as client:
            listed = [model async for model in client.models.list()]
            assert "claude-haiku-4-5" in [model.id for model in listed]
            assert await client.models.retrieve("claude-haiku-4-5") in listed
            with pytest.raises(anthropic.NotFoundError, match="model: claude-9"):
                await client.models.retrieve("claude-9")

    asyncio.run(main())


def test_tokens_are_counted(mock: Mock) -> None:
    async def main() -> int:
        async with _client(mock) as client:
            counted = await client.messages.count_tokens(model=ASKED["model"], messages=ASKED["messages"])
            return counted.input_tokens

    assert asyncio.run(main()) == 12


def test_over_the_limit_is_a_rate_limit_error_with_its_headers(mock: Mock) -> None:
    mock.play(limits={"rpm": 1})
    asyncio.run(_create(mock))
    error = _error(mock)
    assert (type(error), _kind(error)) == (anthropic.RateLimitError, "rate_limit_error")
    headers = error.response.headers
    assert headers["retry-after"] in {"59", "60"}
    assert headers["anthropic-ratelimit-requests-limit"] == "1"
    assert headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert headers["anthropic-ratelimit-requests-reset"].endswith("Z")


@pytest.mark.parametrize(
    ("told", "status", "kind"), [(503, 529, "overloaded_error"), (429, 429, "rate_limit_error")]
)
def test_an_overload_is_529_unless_the_profile_says_429(
    mock: Mock, told: int, status: int, kind: str
) -> None:
    background = [["20:00", 1.0]]
    mock.play(capacity={"slots": 1, "background": background, "overload_status": told})
    error = _error(mock)
    assert (error.status_code, _kind(error)) == (status, kind)
    assert error.response.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (401, "authentication_error", anthropic.AuthenticationError),
        (404, "not_found_error", anthropic.NotFoundError),
        (429, "rate_limit_error", anthropic.RateLimitError),
        (500, "api_error", anthropic.InternalServerError),
    ],
)
def test_a_status_fault_has_its_envelope(mock: Mock, status: int, kind: str, error: type[Exception]) -> None:
    raised = _error(mock, {"x-mock-fault": f"status; status={status}"})
    assert (type(raised), _kind(raised)) == (error, kind)


def test_a_malformed_request_is_an_invalid_request_error(mock: Mock) -> None:
    error = _error(mock, messages=[])
    assert (type(error), _kind(error)) == (anthropic.BadRequestError, "invalid_request_error")
    assert "messages: at least one message is required" in str(error)


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("POST", "/v1/messages", 401, "authentication_error"),
        ("POST", "/v1/messages/batches", 404, "not_found_error"),
        ("GET", "/v1/messages", 405, "invalid_request_error"),
    ],
)
def test_what_never_reaches_a_model(mock: Mock, method: str, path: str, status: int, kind: str) -> None:
    got, headers, body = mock.request(method, path, ASKED if method == "POST" else None)
    assert got == status
    assert f'"type":"{kind}"'.encode() in body
    assert headers["request-id"].encode() in body


def test_a_body_beyond_the_limit_is_413(mock: Mock) -> None:
    status, _, body = mock.request("POST", "/v1/messages", ASKED | {"system": "x" * MAX_BODY_BYTES}, KEY)
    assert status == 413
    assert b'"type":"request_too_large"' in body


def test_an_error_in_the_stream_is_raised(mock: Mock) -> None:
    async def main() -> None:
        async with _client(mock) as client:
            headers = {"x-mock-fault": "stream_error; after_events=2"}
            events = await client.messages.create(**ASKED, stream=True, extra_headers=headers)
            async for _ in events:
                pass

    with pytest.raises(anthropic.APIStatusError) as caught:
        asyncio.run(main())
    assert "overloaded_error" in str(caught.value.body)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("reset", anthropic.APIConnectionError),
        ("garbage", anthropic.APIConnectionError),
        ("truncate", anthropic.APIConnectionError),
        ("reset_mid", anthropic.APIConnectionError),
        ("half_json", ValueError),
    ],
)
def test_a_broken_whole_reply_is_an_error_of_the_sdk(mock: Mock, fault: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        asyncio.run(_create(mock, {"x-mock-fault": fault}))
