"""The official SDK reads streams, and each fault of a stream becomes an error of it."""

import asyncio

import openai
import pytest

from tests.mockserver.server.running import Mock


async def _text(mock: Mock, fault: str | None = None, tokens: int = 30) -> tuple[str, str | None, int | None]:
    """The text of a stream, the reason of its end, and its completion tokens."""
    headers = {"x-primetime-tokens": str(tokens)} | ({} if fault is None else {"x-mock-fault": fault})
    url = f"http://127.0.0.1:{mock.port}/v1"
    text, reason, used = "", None, None
    async with openai.AsyncOpenAI(api_key="sk-test", base_url=url, max_retries=0, timeout=0.5) as client:
        chunks = await client.chat.completions.create(
            model="gpt-4.1",
            messages=[{"role": "user", "content": "เขียนแคปชั่นให้ร้านกาแฟ"}],
            max_tokens=50,
            stream=True,
            stream_options={"include_usage": True},
            extra_headers=headers,
        )
        async for chunk in chunks:
            for choice in chunk.choices:
                text += choice.delta.content or ""
                reason = choice.finish_reason or reason
            used = chunk.usage.completion_tokens if chunk.usage else used
    return text, reason, used


def test_a_stream_with_its_usage(mock: Mock) -> None:
    text, reason, used = asyncio.run(_text(mock))
    assert (len(text), reason, used) == (60, "stop", 30)
    assert text == mock.chat({"x-primetime-tokens": "30"})[2]["choices"][0]["message"]["content"]


def test_a_cut_stream_ends_by_length(mock: Mock) -> None:
    text, reason, used = asyncio.run(_text(mock, tokens=99))
    assert (len(text), reason, used) == (100, "length", 50)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("stream_error", openai.APIError),
        ("malformed_sse", ValueError),
        ("status; status=429", openai.RateLimitError),
        ("reset", openai.APIConnectionError),
        ("garbage", openai.APIConnectionError),
        ("hang", openai.APITimeoutError),
    ],
)
def test_a_fault_is_an_error_of_the_sdk(mock: Mock, fault: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        asyncio.run(_text(mock, fault))


@pytest.mark.parametrize("fault", ["reset_mid", "truncate", "stall", "hang_after_headers"])
def test_a_stream_that_breaks_off_is_not_taken_for_a_whole_one(mock: Mock, fault: str) -> None:
    with pytest.raises(Exception, match=r".*") as caught:
        asyncio.run(_text(mock, fault))
    assert not isinstance(caught.value, (AssertionError, openai.APIStatusError))
