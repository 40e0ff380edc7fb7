"""The key is in no message, repr, event or record, whatever the other side sends back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness import CallError, ConfigError, Event, Fatal, Message, RequestError, ResilientClient
from harness.record.recorder import Recorder
from harness.transport.base import HttpRequest
from tests.harness.client.rig import (
    BASE,
    KEY,
    ONCE,
    ROLE,
    Api,
    assert_unseen,
    caught,
    chunk,
    completion,
    error_event,
    everything_of,
    message,
    play,
    read,
    refusal,
    streaming,
)


def recorded(directory: Path, events: list[Event]) -> bytes:
    """All bytes a run folder would hold of these events."""
    recorder = Recorder(directory, 0, 0)
    for event in events:
        recorder(event)
    recorder.close()
    return b"".join(path.read_bytes() for path in directory.iterdir())


#: The beginning of the key that would be enough to know it again.
HALF = KEY[:14]

ECHOES = {
    "message": refusal(401, message=f"Incorrect API key provided: {KEY}"),
    "code": refusal(400, code=KEY),
    "code with more": refusal(400, code=f"invalid:{KEY}"),
    "request id": refusal(400, headers={"x-request-id": f"req-{KEY}"}),
    "page": httpx.Response(502, text=f"<pre>authorization: Bearer {KEY}</pre>"),
    "json of no form": httpx.Response(400, json={"detail": [{"input": KEY}]}),
    "200 with an error": httpx.Response(200, json={"error": {"message": f"key {KEY}", "code": KEY}}),
    "200 with a page": httpx.Response(200, text=f"<b>{KEY}</b>"),
    "redirect": httpx.Response(307, headers={"location": f"http://x.test/?key={KEY}"}, text=KEY),
    "cut in the middle": refusal(401, message="x" * (200 - len("HTTP 401: ") - 6) + KEY),
    "a page cut in the middle": httpx.Response(502, text="x" * (200 - 14) + KEY),
    "code cut in the middle": refusal(400, code="c" * (100 - 14) + KEY),
    "below http": httpx.RemoteProtocolError(f"illegal header line: Bearer {KEY}"),
}


@pytest.mark.parametrize("echo", ECHOES)
def test_a_server_that_echoes_the_key_does_not_bring_it_into_errors_events_or_records(
    echo: str, tmp_path: Path
) -> None:
    error, events = caught(ONCE, Api(ECHOES[echo]))
    record = recorded(tmp_path, events)
    for secret in (KEY, HALF):
        assert_unseen(*everything_of(error), *events, secret=secret)
        assert secret.encode() not in record


@pytest.mark.parametrize("output", [b"", chunk("a")])
@pytest.mark.parametrize(
    "event",
    [
        error_event("server_error", f"bad key {KEY}"),
        error_event(KEY, "bad"),
        f"event: error\ndata: {KEY}\n\n".encode(),
        f"data: {json.dumps({KEY: 1, 'choices': KEY})}\n\n".encode(),
        f"data: {KEY}\n\n".encode(),
        error_event("server_error", "x" * (200 - len("error in the stream: ") + 7) + KEY),
        error_event("server_error", "x" * 190 + KEY),
    ],
)
def test_an_error_in_a_stream_that_echoes_the_key_does_not_show_it(
    event: bytes, output: bytes, tmp_path: Path
) -> None:
    errors: list[CallError] = []

    async def scenario(client: ResilientClient) -> None:
        with pytest.raises(CallError) as error:
            async with client.stream("a") as stream:
                await read(stream)
        errors.append(error.value)

    events = play(scenario, ONCE, Api(streaming(ROLE, output, event)))
    for secret in (KEY, HALF):
        assert_unseen(*everything_of(errors[0]), *events, secret=secret)
    assert HALF.encode() not in recorded(tmp_path, events)


def test_an_anthropic_error_that_echoes_the_key_does_not_show_it() -> None:
    said = {"type": "authentication_error", "message": f"invalid x-api-key: {KEY}"}
    error, events = caught(
        ONCE, Api(httpx.Response(401, json={"type": "error", "error": said})), wire="anthropic"
    )
    assert type(error) is Fatal
    assert_unseen(*everything_of(error), *events)


def test_what_a_client_is_made_of_does_not_show_the_key() -> None:
    client = ResilientClient(BASE, KEY)
    route = client.routes[0]
    request = HttpRequest("POST", BASE, route.headers, b"")
    assert_unseen(client, client.endpoint, client.policy, route, route.peer, request)


def test_no_message_of_a_request_shows_the_key() -> None:
    async def scenario(client: ResilientClient) -> None:
        wrong: list[Any] = [[], [{"role": "x", "content": "a"}], [Message("user", "")]]
        for messages in wrong:
            with pytest.raises(RequestError) as error:
                await client.chat(messages)
            assert_unseen(*everything_of(error.value), client)

    assert play(scenario, ONCE, Api(completion(), message())) == []


@pytest.mark.parametrize(
    "url", ["https://user:hunter2@api.test:port/v1", "ftp://user:hunter2@api.test", "user:hunter2@api.test"]
)
def test_an_address_that_is_refused_does_not_show_its_password(url: str) -> None:
    with pytest.raises(ConfigError, match="base_url") as error:
        ResilientClient(url, KEY)
    assert_unseen(*everything_of(error.value), secret="hunter2")
