"""The official SDK is the judge: every reply and every fault becomes the right type of it."""

import asyncio

import openai
import pytest

from mockserver.wire.request import MAX_BODY_BYTES
from tests.mockserver.server.running import CHAT, Mock


def _client(mock: Mock, timeout_s: float = 5.0) -> openai.OpenAI:
    return openai.OpenAI(
        api_key="sk-test", base_url=f"http://127.0.0.1:{mock.port}/v1", max_retries=0, timeout=timeout_s
    )


def _ask(client: openai.OpenAI, tokens: int = 30) -> "openai.types.chat.ChatCompletion":
    return client.chat.completions.create(
        model="gpt-4.1",
        messages=[{"role": "user", "content": "เขียนแคปชั่นให้ร้านกาแฟ"}],
        max_tokens=50,
        extra_headers={"x-primetime-tokens": str(tokens)},
    )


def test_a_completion_with_its_usage_and_limit_headers(mock: Mock) -> None:
    mock.play(limits={"rpm": 100, "tpm": 10_000})
    with _client(mock) as client:
        raw = client.chat.completions.with_raw_response.create(
            model="gpt-4.1",
            messages=[{"role": "user", "content": "เขียนแคปชั่นให้ร้านกาแฟ"}],  # 23 characters, 12 tokens
            max_tokens=50,
            extra_headers={"x-primetime-tokens": "30"},
        )
    reply = raw.parse()
    assert reply.choices[0].message.content is not None
    assert len(reply.choices[0].message.content) == 60
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (
        12,
        30,
        42,
    )
    assert reply._request_id is not None
    assert reply._request_id.startswith("req_")
    assert raw.headers["x-ratelimit-limit-requests"] == "100"
    assert raw.headers["x-ratelimit-remaining-requests"] == "99"
    assert raw.headers["x-ratelimit-reset-requests"] == "600ms"
    assert raw.headers["x-ratelimit-remaining-tokens"] == str(10_000 - 12 - 50)
    assert raw.headers["openai-processing-ms"].isdecimal()


def test_a_wanted_length_beyond_the_maximum_ends_by_length(mock: Mock) -> None:
    with _client(mock) as client:
        reply = _ask(client, tokens=99)
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 50


def test_the_async_client_and_many_at_once(mock: Mock) -> None:
    async def main() -> list[int]:
        url = f"http://127.0.0.1:{mock.port}/v1"
        async with openai.AsyncOpenAI(api_key="sk-test", base_url=url, max_retries=0) as client:
            replies = await asyncio.gather(
                *(
                    client.chat.completions.create(
                        model="gpt-4.1",
                        messages=[{"role": "user", "content": "สวัสดี"}],
                        extra_headers={"x-primetime-tokens": str(number)},
                    )
                    for number in range(1, 21)
                )
            )
        return [reply.usage.completion_tokens for reply in replies if reply.usage is not None]

    assert asyncio.run(main()) == list(range(1, 21))


def test_the_models_are_listed(mock: Mock) -> None:
    with _client(mock) as client:
        listed = client.models.list().data
        assert "gpt-4.1" in [model.id for model in listed]
        assert client.models.retrieve("gpt-4.1") == next(model for model in listed if model.id == "gpt-4.1")
        with pytest.raises(openai.NotFoundError, match="The model 'gpt-9' does not exist") as caught:
            client.models.retrieve("gpt-9")
        assert caught.value.code == "model_not_found"
    paths = {row["path"] for row in mock.admin("GET", "/admin/requests")["requests"]}
    assert paths == {"/v1/models", "/v1/models/{model}"}


def test_over_the_limit_is_a_rate_limit_error_with_its_hint(mock: Mock) -> None:
    mock.play(limits={"rpm": 1})
    with _client(mock) as client:
        _ask(client)
        with pytest.raises(openai.RateLimitError) as caught:
            _ask(client)
    error = caught.value
    assert (error.code, error.type) == ("rate_limit_exceeded", "requests")
    assert 58_000 < int(error.response.headers["retry-after-ms"]) <= 60_000
    assert error.response.headers["retry-after"] in {"59", "60"}
    assert error.response.headers["x-ratelimit-remaining-requests"] == "0"


def test_an_injected_500_is_an_internal_server_error(mock: Mock) -> None:
    mock.play(request_faults=[{"action": "status", "status": 500}])
    with _client(mock) as client, pytest.raises(openai.InternalServerError, match="Sorry about that"):
        _ask(client)


def test_an_overload_is_an_internal_server_error_with_status_503(mock: Mock) -> None:
    mock.play(capacity={"slots": 1, "background": [["20:00", 1.0]], "overload_retry_after_s": 3})
    with _client(mock) as client, pytest.raises(openai.InternalServerError) as caught:
        _ask(client)
    assert (caught.value.status_code, caught.value.code) == (503, "server_is_overloaded")
    assert caught.value.response.headers["retry-after"] == "3"


def test_a_reset_is_a_connection_error(mock: Mock) -> None:
    mock.play(request_faults=[{"action": "reset"}])
    with _client(mock) as client, pytest.raises(openai.APIConnectionError) as caught:
        _ask(client)
    assert not isinstance(caught.value, openai.APITimeoutError)


def test_a_hang_is_a_timeout(mock: Mock) -> None:
    mock.play(request_faults=[{"action": "hang", "path": "/v1/chat/completions"}])
    with _client(mock, timeout_s=0.3) as client, pytest.raises(openai.APITimeoutError):
        _ask(client)


def test_a_rejected_key_is_an_authentication_error(mock: Mock) -> None:
    mock.play(request_faults=[{"action": "status", "status": 401}])
    with _client(mock) as client, pytest.raises(openai.AuthenticationError):
        _ask(client)


def test_a_connection_reset_on_accept_is_a_connection_error(mock: Mock) -> None:
    mock.play(connection_faults=[{"action": "reset"}])
    with _client(mock) as client, pytest.raises(openai.APIConnectionError):
        _ask(client)
    assert mock.stats()["connections"]["reset"] == 1


def test_a_connection_never_read_is_a_timeout_and_let_go_when_the_caller_leaves(mock: Mock) -> None:
    mock.play(connection_faults=[{"action": "hang"}])
    with _client(mock, timeout_s=0.3) as client, pytest.raises(openai.APITimeoutError):
        _ask(client)
    assert mock.stats()["connections"]["hung"] == 1
    assert mock.stats()["received"] == 0
    mock.until("connections.open", 1)  # the admin client's own


def test_a_malformed_request_is_a_bad_request(mock: Mock) -> None:
    with _client(mock) as client, pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="gpt-4.1", messages=[])
    assert (caught.value.param, caught.value.code) == ("messages", "empty_array")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "words"),
    [
        ("POST", "/v1/completions", {"authorization": "Bearer k"}, 404, "Invalid URL (POST /v1/completions)"),
        ("GET", "/v1/chat/completions", {"authorization": "Bearer k"}, 405, "Only POST requests"),
        ("POST", "/v1/chat/completions", {}, 401, "You didn't provide an API key"),
        (
            "POST",
            "/v1/chat/completions",
            {"authorization": "Basic abc"},
            401,
            "You didn't provide an API key",
        ),
        ("GET", "/v1/models", {}, 401, "You didn't provide an API key"),
        (
            "POST",
            "/v1/chat/completions",
            {"authorization": "Bearer k", "x-primetime-call": "1_0"},
            400,
            "header x-primetime-call: '1_0' is not a whole number",
        ),
    ],
)
def test_what_never_reaches_a_model(
    mock: Mock, method: str, path: str, headers: dict[str, str], status: int, words: str
) -> None:
    got, received, body = mock.request(method, path, CHAT if method == "POST" else None, headers)
    assert got == status
    assert words in body.decode()
    assert received["x-request-id"].startswith("req_")
    assert mock.stats()["received"] == 1


def test_a_body_beyond_the_limit_is_413(mock: Mock) -> None:
    status, _, answer = mock.chat(messages=[{"role": "user", "content": "x" * MAX_BODY_BYTES}])
    assert status == 413
    assert "larger than 33554432 bytes" in answer["error"]["message"]
