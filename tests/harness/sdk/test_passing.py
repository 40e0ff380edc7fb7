"""What is no chat, and what HTTP allows beside it, reaches the API and comes back as it was."""

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx2
import openai
import pytest

from harness import Outcome
from tests.harness.sdk.answering import answering, reply
from tests.harness.sdk.asking import ANTHROPIC, EACH_SDK, MESSAGES, OPENAI, Said, Sdk, ask
from tests.harness.sdk.rig import ONCE, Bench, assert_conserved, played
from tests.mockserver.server.running import Mock

#: A whole reply of each API, for servers that only repeat it.
REPLIES: dict[str, Any] = {
    "openai": {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4.1",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "กาแฟ"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    },
    "anthropic": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [{"type": "text", "text": "กาแฟ"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 2},
    },
}
SAID = Said("กาแฟ", 3, 2)


def body_of(sdk: Sdk) -> bytes:
    return json.dumps(REPLIES[sdk.name]).encode()


def test_models_are_listed_through_a_fault(mock: Mock) -> None:
    mock.play(request_faults=[{"action": "status", "status": 500, "first": 1, "path": "/v1/models"}])
    bench = Bench()

    async def main() -> None:
        async with bench.client(OPENAI, mock.port) as client:
            assert "gpt-4.1" in [model.id async for model in client.models.list()]

    played(main)
    assert bench.selectors == ["transient.status", "ok"]
    assert_conserved(mock, bench)


def test_a_get_on_a_kept_connection_is_counted_each_time_it_is_sent(mock: Mock) -> None:
    """The HTTP library must not send again on its own what failed: nobody would know of the first."""
    mock.play(request_faults=[{"action": "reset", "first": 1, "path": "/v1/models"}])
    bench = Bench()

    async def main() -> None:
        async with bench.client(OPENAI, mock.port) as client:
            await ask(OPENAI, client, stream=False)
            await client.models.list()

    played(main)
    assert bench.selectors == ["ok", "transient.read", "ok"]
    assert_conserved(mock, bench)


def test_tokens_are_counted_through_a_fault(mock: Mock) -> None:
    mock.play(request_faults=[{"action": "reset", "first": 1, "path": "/v1/messages/count_tokens"}])
    bench = Bench()

    async def main() -> None:
        async with bench.client(ANTHROPIC, mock.port) as client:
            counted = await client.messages.count_tokens(model="claude", messages=MESSAGES)
            assert counted.input_tokens == 12

    played(main)
    assert bench.selectors == ["transient.read", "ok"]
    assert_conserved(mock, bench)


@EACH_SDK
def test_a_path_that_is_not_there_is_not_found_once(mock: Mock, sdk: Sdk) -> None:
    bench = Bench()

    async def main() -> None:
        async with bench.client(sdk, mock.port, max_retries=2) as client:
            with pytest.raises(sdk.errors.NotFoundError) as caught:
                await client.models.retrieve("nobody")
            assert caught.value.response.headers["x-should-retry"] == "false"

    played(main)
    assert (bench.call.outcome, bench.call.attempts, bench.call.status) == (Outcome.FATAL, 1, 404)
    assert_conserved(mock, bench)


@pytest.mark.parametrize(
    ("coding", "packed"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)],
    ids=["gzip", "deflate", "identity"],
)
@EACH_SDK
def test_a_packed_reply_is_unpacked_once(sdk: Sdk, coding: str, packed: Callable[[bytes], bytes]) -> None:
    bench = Bench()

    async def main() -> None:
        async with (
            answering(reply(200, packed(body_of(sdk)), f"content-encoding: {coding}")) as server,
            bench.client(sdk, server.port) as client,
        ):
            assert await ask(sdk, client, stream=False) == SAID
            assert server.asked[0].all("accept-encoding") == ["gzip, deflate"]

    played(main)
    assert bench.selectors == ["ok"]


def test_a_packed_stream_is_unpacked_as_it_comes() -> None:
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    events = [
        chunk | {"choices": [{"index": 0, "delta": {"content": "กาแฟ"}, "finish_reason": None}]},
        chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        chunk | {"choices": [], "usage": REPLIES["openai"]["usage"]},
    ]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode() + b"data: [DONE]\n\n"
    packed = reply(200, gzip.compress(body), "content-encoding: gzip", kind="text/event-stream")
    bench = Bench()

    async def main() -> None:
        async with answering(packed) as server, bench.client(OPENAI, server.port) as client:
            assert await ask(OPENAI, client, stream=True) == SAID

    played(main)
    assert bench.selectors == ["ok"]


@EACH_SDK
def test_the_request_of_the_sdk_arrives_as_it_would_without_us(sdk: Sdk) -> None:
    """All of its headers and its body, but for the ids and what is of one connection."""
    bench = Bench()

    async def main() -> None:
        async with answering(reply(200, body_of(sdk))) as server:
            async with sdk.client(server.port) as bare:
                await ask(sdk, bare, stream=False)
            async with bench.client(sdk, server.port) as client:
                await ask(sdk, client, stream=False)
            before, after = server.asked
        ours = {"accept-encoding", "connection", "x-primetime-call", "x-primetime-attempt"}
        kept = {name: value for name, value in before.headers if name not in ours}
        assert {name: value for name, value in after.headers if name not in ours} == kept
        assert (after.line, after.body) == (before.line, before.body)

    played(main)


def test_no_ids_are_sent_unless_asked_for() -> None:
    bench = Bench(send_ids=False)

    async def main() -> None:
        async with answering(reply(200, body_of(OPENAI))) as server:
            async with bench.client(OPENAI, server.port) as client:
                await ask(OPENAI, client, stream=False)
            assert not [name for name, _ in server.asked[0].headers if name.startswith("x-primetime-call")]

    played(main)


def test_repeated_headers_of_a_request_are_joined() -> None:
    bench = Bench()

    async def main() -> None:
        async with (
            answering(reply(200, b"{}")) as server,
            httpx2.AsyncClient(transport=bench.transport) as http,
        ):
            tags = [("x-tag", "a"), ("X-Tag", "b")]
            assert (await http.get(f"http://127.0.0.1:{server.port}/v1/any", headers=tags)).json() == {}
            assert server.asked[0].all("x-tag") == ["a, b"]

    played(main)


@pytest.mark.parametrize("status", [200, 400])
def test_repeated_headers_of_a_reply_stay_apart(status: int) -> None:
    """A cookie's date has a comma in it: two cookies in one line are not two (RFC 9110, 5.3)."""
    cookies = [
        "one=1; path=/; expires=Fri, 01 Jan 2100 00:00:00 GMT; HttpOnly",
        "two=2; path=/; HttpOnly",
    ]
    bench = Bench()

    async def main() -> None:
        lines = [f"set-cookie: {cookie}" for cookie in cookies]
        async with (
            answering(reply(status, b"{}", *lines)) as server,
            httpx2.AsyncClient(transport=bench.transport) as http,
        ):
            response = await http.get(f"http://127.0.0.1:{server.port}/v1/any")
            assert response.headers.get_list("set-cookie") == cookies
            assert dict(http.cookies) == {"one": "1", "two": "2"}

    played(main)


@pytest.mark.parametrize(
    "content", [bytes(range(256)) * 64, b"\xff\xfe no json", b'{"model": "\xff"}', b"[1]"]
)
def test_a_body_that_is_no_json_passes(content: bytes) -> None:
    bench = Bench()

    async def main() -> None:
        async with (
            answering(reply(200, b"\x00\xff\x01", kind="application/octet-stream")) as server,
            httpx2.AsyncClient(transport=bench.transport) as http,
        ):
            response = await http.post(f"http://127.0.0.1:{server.port}/v1/audio", content=content)
            assert response.content == b"\x00\xff\x01"
            assert server.asked[0].body == content

    played(main)
    assert (bench.selectors, bench.call.model) == (["ok"], "")


def test_a_file_is_uploaded_through_a_fault_byte_by_byte() -> None:
    content = bytes(range(256)) * 256
    file = {
        "id": "file-1",
        "object": "file",
        "bytes": len(content),
        "created_at": 1,
        "filename": "a.bin",
        "purpose": "user_data",
        "status": "processed",
    }
    bench = Bench()

    async def main() -> None:
        async with (
            answering(reply(500, b"{}"), reply(200, json.dumps(file).encode())) as server,
            bench.client(OPENAI, server.port) as client,
        ):
            uploaded = await client.files.create(file=("a.bin", content), purpose="user_data")
            assert uploaded.id == "file-1"
            assert [content in asked.body for asked in server.asked] == [True, True]
            assert server.asked[0].body == server.asked[1].body

    played(main)
    assert bench.selectors == ["transient.status", "ok"]


def test_a_file_is_downloaded_whatever_is_in_it() -> None:
    content = bytes(range(256))
    bench = Bench()

    async def main() -> None:
        async with (
            answering(reply(200, content, kind="application/octet-stream")) as server,
            bench.client(OPENAI, server.port) as client,
        ):
            assert (await client.files.content("file-1")).content == content

    played(main)
    assert bench.selectors == ["ok"]


def test_a_raw_response_has_the_headers_of_the_api(mock: Mock) -> None:
    mock.play(limits={"rpm": 100, "tpm": 10_000})
    bench = Bench()

    async def main() -> None:
        async with bench.client(OPENAI, mock.port) as client:
            raw = await client.chat.completions.with_raw_response.create(model="m", messages=MESSAGES)
            assert raw.headers["x-ratelimit-limit-requests"] == "100"
            assert raw.headers["x-request-id"] == bench.attempts[0].request_id
            assert raw.parse()._request_id == bench.attempts[0].request_id

    played(main)


def test_azure_s_client_is_served_at_its_own_path() -> None:
    bench = Bench(ONCE)

    async def main() -> None:
        async with answering(reply(200, body_of(OPENAI))) as server:
            http = httpx2.AsyncClient(transport=bench.transport)
            async with openai.AsyncAzureOpenAI(
                azure_endpoint=f"http://127.0.0.1:{server.port}",
                api_key="k",
                api_version="2024-10-21",
                http_client=http,
                max_retries=0,
            ) as client:
                assert await ask(OPENAI, client, stream=False) == SAID
            assert "/chat/completions?api-version=" in server.asked[0].line

    played(main)
    assert bench.attempts[0].reply is not None  # known for a chat, not just passed through


def test_a_file_of_any_length_is_passed_on_as_it_comes_and_fetched_once() -> None:
    content = bytes(range(256)) * (68 * 1024)  # 17 MB: more than any reply that is read whole
    bench = Bench()

    async def main() -> None:
        async with (
            answering(reply(200, content, kind="application/octet-stream")) as server,
            bench.client(OPENAI, server.port) as client,
        ):
            file = await client.files.content("file-1")
            assert await file.aread() == content
            assert len(server.asked) == 1

    played(main)
    assert bench.selectors == ["ok"]


def test_a_packed_request_says_that_it_is() -> None:
    bench = Bench()
    packed = gzip.compress(b'{"model": "m"}')

    async def main() -> None:
        async with (
            answering(reply(200, b"{}")) as server,
            httpx2.AsyncClient(transport=bench.transport) as http,
        ):
            await http.post(
                f"http://127.0.0.1:{server.port}/v1/embeddings",
                content=packed,
                headers={"content-encoding": "gzip"},
            )
            assert server.asked[0].all("content-encoding") == ["gzip"]
            assert server.asked[0].body == packed

    played(main)


@pytest.mark.parametrize("pool", ["aiohttp", "httpx"])
def test_no_cookie_of_one_call_is_sent_with_another(pool: str) -> None:
    bench = Bench(replace(ONCE, connections=replace(ONCE.connections, pool=pool)))

    async def main() -> None:
        async with (
            answering(reply(200, b"{}", "set-cookie: shop=one; path=/")) as server,
            httpx2.AsyncClient(transport=bench.transport) as http,
        ):
            for _ in range(2):
                http.cookies.clear()  # the SDK's own jar is the SDK's
                await http.post(f"http://localhost:{server.port}/v1/embeddings", content=b"{}")
            assert [asked.all("cookie") for asked in server.asked] == [[], []]

    played(main)
