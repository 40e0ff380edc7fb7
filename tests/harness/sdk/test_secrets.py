"""The key is in no event, no log and no error of ours, whatever the other side sends back.

A reply that is passed on to the SDK is the provider's: what the SDK makes of it is what it makes without us.
"""

import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from harness import CallError
from tests.harness.sdk.answering import answering, reply
from tests.harness.sdk.asking import EACH_SDK, KEY, OPENAI, Sdk, ask
from tests.harness.sdk.rig import ONCE, Bench, chain, played
from tests.mockserver.server.running import Mock

#: The beginning of the key that would be enough to know it again.
HALF = KEY[:14]


def _error(message: str, code: str = "c") -> bytes:
    said = {"type": code, "code": code, "message": message}
    return json.dumps({"type": "error", "error": said}).encode()


ECHOES = {
    "message": reply(401, _error(f"Incorrect API key provided: {KEY}")),
    "code": reply(400, _error("bad", KEY)),
    "cut in the middle": reply(400, _error("x" * 180 + KEY)),
    "page": reply(502, f"<pre>authorization: Bearer {KEY}</pre>".encode(), kind="text/html"),
    "request id": reply(400, _error("bad"), f"x-request-id: req-{KEY}", f"request-id: req-{KEY}"),
    "200 with an error": reply(200, _error(KEY, KEY)),
    "200 with a page": reply(200, f"<b>{KEY}</b>".encode(), kind="text/html"),
    "no http": f"Bearer {KEY} is no status line\r\n\r\n".encode(),
    "a bad header": f"HTTP/1.1 200 OK\r\nx-\x00y: Bearer {KEY}\r\ncontent-length: 0\r\n\r\n".encode(),
    "error event": reply(200, b"event: error\ndata: " + _error(KEY) + b"\n\n", kind="text/event-stream"),
    "broken event": reply(200, f"data: {KEY}\n\n".encode(), kind="text/event-stream"),
}


def everything_ours(bench: Bench, *errors: BaseException) -> Iterator[str]:
    """The texts of all that we said."""
    for event in bench.events:
        yield repr(event)
    for link in (link for error in errors for link in chain(error)):
        if isinstance(link, CallError):
            yield from (str(link), repr(link), repr(vars(link)))
        elif isinstance(link, httpx2.TransportError):
            yield from (str(link), repr(link))
    yield from (repr(bench.transport), repr(bench.transport.gateway), repr(vars(bench.transport.gateway)))


@EACH_SDK
@pytest.mark.parametrize("echo", ECHOES)
def test_a_server_that_echoes_the_key_does_not_bring_it_into_what_we_say(
    caplog: pytest.LogCaptureFixture, sdk: Sdk, echo: str
) -> None:
    caplog.set_level(logging.DEBUG)
    bench = Bench(ONCE)
    errors: list[BaseException] = []

    async def main() -> None:
        async with answering(ECHOES[echo]) as server, bench.client(sdk, server.port) as client:
            for stream in (False, True):
                try:
                    await ask(sdk, client, stream=stream)
                except Exception as error:  # noqa: BLE001 - of the SDK, or of what it makes of a page
                    errors.append(error)

    played(main)
    assert len(bench.calls) == 2
    for text in everything_ours(bench, *errors):
        assert HALF not in text
    for record in caplog.records:
        if not record.name.startswith(sdk.name):  # the SDK's own debugging log quotes the reply it was given
            assert HALF not in record.getMessage()


def test_the_key_of_azure_s_client_is_kept_out_too() -> None:
    """It travels as `api-key`."""
    bench = Bench(ONCE)
    errors: list[BaseException] = []

    async def main() -> None:
        async with answering(ECHOES["message"]) as server:
            async with openai.AsyncAzureOpenAI(
                azure_endpoint=f"http://127.0.0.1:{server.port}",
                api_key=KEY,
                api_version="2024-10-21",
                http_client=httpx2.AsyncClient(transport=bench.transport),
                max_retries=0,
            ) as client:
                with pytest.raises(openai.AuthenticationError) as caught:
                    await ask(OPENAI, client, stream=False)
            errors.append(caught.value)
            assert server.asked[0].all("api-key") == [KEY]

    played(main)
    for text in everything_ours(bench, errors[0]):
        assert HALF not in text


@EACH_SDK
@pytest.mark.parametrize("fault", ["reset", "garbage", "hang", "status"])
def test_no_failure_shows_the_key(mock: Mock, caplog: pytest.LogCaptureFixture, sdk: Sdk, fault: str) -> None:
    caplog.set_level(logging.DEBUG)
    status: dict[str, Any] = {"status": 500} if fault == "status" else {}
    mock.play(request_faults=[{"action": fault} | status])
    bench = Bench(ONCE)
    errors: list[BaseException] = []

    async def main() -> None:
        async with bench.client(sdk, mock.port, timeout=0.2) as client:
            with pytest.raises(sdk.errors.APIError) as caught:
                await ask(sdk, client, stream=False)
            errors.append(caught.value)

    played(main)
    texts = [*everything_ours(bench, errors[0]), *(record.getMessage() for record in caplog.records)]
    texts += [text for link in chain(errors[0]) for text in (str(link), repr(link))]
    assert mock.log is not None
    texts.append(mock.log.read_text(encoding="utf-8"))
    for text in texts:
        assert HALF not in text
