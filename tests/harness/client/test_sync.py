"""The client for scripts: in threads, and so on real time, which is kept short."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import httpx
import pytest

from harness import (
    CallError,
    CallFinished,
    Event,
    Fatal,
    HarnessError,
    Message,
    Outcome,
    Partial,
    Reply,
    RequestError,
    ResilientClient,
    SyncClient,
    SyncStream,
    Tag,
    Usage,
    next_tag,
)
from harness.policy.config import ConcurrencyConfig
from harness.transport.httpx_transport import HttpxTransport
from tests.harness.client.rig import (
    BASE,
    END,
    KEY,
    ONCE,
    ROLE,
    Handler,
    calls_of,
    chunk,
    completion,
    refusal,
    streaming,
)

PATIENCE_S = 5.0


async def echo(request: httpx.Request) -> httpx.Response:
    """Gives the prompt back; "bad" is refused, a stream is asked for in two pieces."""
    body = json.loads(request.content)
    prompt = body["messages"][-1]["content"]
    if body.get("stream"):
        return streaming(ROLE, chunk(prompt), chunk("!"), END)
    return refusal(400) if prompt == "bad" else completion(prompt)


class Made:
    """A synchronous client over an in-process API, and what was told of it."""

    def __init__(self, handler: Handler, limit: int = 100) -> None:
        self.events: list[Event] = []
        http = httpx.AsyncClient(transport=httpx.MockTransport(handler))
        self.inner = ResilientClient(
            BASE,
            KEY,
            policy=replace(ONCE, concurrency=ConcurrencyConfig(limit=limit)),
            transport=HttpxTransport(http, owned=True),
            listeners=[self.events.append],
        )
        self.client = SyncClient(self.inner)

    @property
    def held(self) -> int:
        """Permits held at this very moment."""
        return self.inner.routes[0].pipeline.gate.held


Make = Callable[..., Made]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes clients, and closes them in the end."""
    made: list[Made] = []

    def build(handler: Handler = echo, limit: int = 100) -> Made:
        made.append(Made(handler, limit))
        return made[-1]

    yield build
    for one in made:
        with suppress(HarnessError):
            one.client.close()


def test_one_piece(make: Make) -> None:
    reply = make().client.generate_copy("เขียน", "small", 7, system=None, temperature=0.1, priority=1)
    assert reply == Reply("เขียน", "gpt-4.1-2025-04-14", "stop", Usage(57, 129), "req_ok")


def test_a_conversation(make: Make) -> None:
    client = make().client
    messages = [{"role": "system", "content": "ก"}, Message("user", "ข")]
    assert client.chat(messages, "m", 5, temperature=0.5, extra={"top_p": 1}).text == "ข"


def test_a_stream(make: Make) -> None:
    made = make()
    with made.client.stream("เขียน") as lines:
        assert isinstance(lines, SyncStream)
        assert made.held == 1
        with pytest.raises(HarnessError, match="there is none until"):
            _ = lines.reply
        assert list(lines) == ["เขียน", "!"]
        assert lines.text == "เขียน!"
    assert lines.reply.usage == Usage(57, 129)
    assert made.held == 0


def test_a_stream_left_early_is_cancelled(make: Make) -> None:
    made = make()
    with made.client.stream("a") as lines:
        assert next(iter(lines)) == "a"
    assert made.held == 0
    assert [call.outcome for call in calls_of(made.events)] == [Outcome.CANCELLED]


def test_a_stream_never_entered_cannot_be_read(make: Make) -> None:
    with pytest.raises(HarnessError, match="with"):
        list(make().client.stream("a"))


def test_a_stream_that_breaks_raises_partial(make: Make) -> None:
    async def breaking(_: httpx.Request) -> httpx.Response:
        return streaming(ROLE, chunk("a"), httpx.ReadError("reset"))

    lines = make(breaking).client.stream("a")
    with pytest.raises(Partial) as error, lines:
        list(lines)
    assert error.value.text == "a"


def test_many_pieces(make: Make) -> None:
    made = make(limit=2)
    items = list(made.client.map(["a", "bad", "", "b"], "small", 7, ordered=True, at_once=2))
    assert [(item.index, item.prompt, item.ok) for item in items] == [
        (0, "a", True),
        (1, "bad", False),
        (2, "", False),
        (3, "b", True),
    ]
    assert [type(item.result) for item in items] == [Reply, Fatal, RequestError, Reply]
    results = made.client.batch_generate(["a", "bad"], "small", 7, priority=2)
    assert [type(result) for result in results] == [Reply, Fatal]


def test_a_map_left_early_cancels_the_rest_at_once(make: Make) -> None:
    on_wire: list[str] = []

    async def slow(request: httpx.Request) -> httpx.Response:
        prompt = json.loads(request.content)["messages"][-1]["content"]
        on_wire.append(prompt)
        try:
            await asyncio.sleep(0.1 if prompt == "0" else 60)
        finally:
            on_wire.remove(prompt)
        return completion(prompt)

    made = make(slow, limit=3)
    for item in made.client.map(str(n) for n in count()):
        assert item.index == 0
        break
    assert (on_wire, made.held) == ([], 0)
    outcomes = [call.outcome for call in calls_of(made.events)]
    assert outcomes == ["ok"] + ["cancelled"] * (len(outcomes) - 1)
    assert len(outcomes) >= 3


def test_errors_are_raised_as_they_are(make: Make) -> None:
    client = make().client
    with pytest.raises(Fatal) as error:
        client.generate_copy("bad")
    assert (error.value.status, error.value.code) == (400, "some_code")
    with pytest.raises(RequestError, match="prompt is empty"):
        client.generate_copy(" ")
    with pytest.raises(RequestError, match="at_once"):
        client.map(["a"], at_once=0)


def test_several_threads_share_one_client(make: Make) -> None:
    made = make(limit=4)
    texts: list[str] = []

    def work(name: str) -> None:
        texts.extend(made.client.generate_copy(f"{name}{n}").text for n in range(20))
        with made.client.stream(name) as lines:
            texts.append("".join(lines))

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    assert sorted(texts) == sorted(
        [f"{t}{n}" for t in "abcdef" for n in range(20)] + [f"{t}!" for t in "abcdef"]
    )
    assert len({call.call_id for call in calls_of(made.events)}) == 6 * 21


def test_the_tag_of_the_calling_thread_goes_with_the_call(make: Make) -> None:
    made = make()
    token = next_tag.set(lambda: Tag(call_id=4711))
    try:
        made.client.generate_copy("a")
    finally:
        next_tag.reset(token)
    assert [call.call_id for call in calls_of(made.events)] == [4711]


def test_a_closed_client_says_so(make: Make) -> None:
    client = make().client
    client.close()
    for use in (
        lambda: client.generate_copy("a"),
        lambda: client.chat([Message("user", "a")]),
        lambda: client.batch_generate(["a"]),
        lambda: list(client.map(["a"])),
        lambda: client.stream("a").__enter__(),
    ):
        with pytest.raises(HarnessError, match="this client is closed: make another"):
            use()


def test_closing_twice_is_closing_once(make: Make) -> None:
    with make().client as client:
        client.close()
    client.close()


def test_closing_ends_the_calls_of_other_threads(make: Make) -> None:
    entered = threading.Event()

    async def hanging(_: httpx.Request) -> httpx.Response:
        entered.set()
        await asyncio.sleep(600)
        return completion()

    made = make(hanging)
    ends: list[BaseException] = []

    def work() -> None:
        try:
            made.client.generate_copy("a")
        except BaseException as error:  # noqa: BLE001 - whatever it is, it has to end
            ends.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert entered.wait(PATIENCE_S)
    made.client.close()
    thread.join(1.0)
    assert not thread.is_alive()
    assert isinstance(ends[0], HarnessError)
    assert [call.outcome for call in calls_of(made.events)] == [Outcome.CANCELLED]


def test_a_map_still_open_when_the_client_is_closed_ends_quietly(make: Make) -> None:
    made = make()
    items = made.client.map(["a", "b"], at_once=1)
    next(items)
    made.client.close()
    items.close()  # type: ignore[attr-defined] - as leaving the loop does


def test_a_stream_still_open_when_the_client_is_closed_ends_as_cancelled(make: Make) -> None:
    made = make()
    lines = made.client.stream("a").__enter__()
    made.client.close()
    lines.__exit__(None, None, None)
    assert [call.outcome for call in calls_of(made.events)] == [Outcome.CANCELLED]


def test_a_call_from_the_client_s_own_thread_is_refused(make: Make) -> None:
    # A listener runs there: waiting for another call would wait for ever.
    said: list[object] = []

    def listener(event: Event) -> None:
        if isinstance(event, CallFinished) and not said:
            said.append("asked")
            try:
                client.generate_copy("b")
            except HarnessError as error:
                said.append(error)

    http = httpx.AsyncClient(transport=httpx.MockTransport(echo))
    inner = ResilientClient(
        BASE, KEY, policy=ONCE, transport=HttpxTransport(http, owned=True), listeners=[listener]
    )
    client = SyncClient(inner)
    thread = threading.Thread(target=lambda: client.generate_copy("a"), daemon=True)
    thread.start()
    thread.join(1.0)
    assert not thread.is_alive(), "the client waits for itself"
    client.close()
    assert isinstance(said[1], HarnessError)


@pytest.fixture
def _ctrl_c_raises() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press_ctrl_c() -> None:
    ident = threading.main_thread().ident
    assert ident is not None
    signal.pthread_kill(ident, signal.SIGINT)


class Interrupting:
    """An API in whose request Ctrl-C is pressed, and which takes a while to clean up after it."""

    def __init__(self) -> None:
        self.on_wire = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if json.loads(request.content).get("stream"):
            return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=self._stream())
        await self._interrupted()
        return completion()

    async def _stream(self) -> AsyncIterator[bytes]:
        yield ROLE + chunk("a")
        await self._interrupted()

    async def _interrupted(self) -> None:
        self.on_wire += 1
        try:
            await asyncio.sleep(0.05)  # for the main thread to stand in its wait
            press_ctrl_c()
            await asyncio.sleep(600)
        finally:
            await asyncio.sleep(0.05)
            self.on_wire -= 1


Use = Callable[[SyncClient], Awaitable[None] | None]


def _stream(client: SyncClient) -> None:
    with client.stream("a") as lines:
        list(lines)


def _map(client: SyncClient) -> None:
    for _ in client.map(["a"]):
        pass


@pytest.mark.usefixtures("_ctrl_c_raises")
@pytest.mark.parametrize(
    "use",
    [
        lambda client: client.generate_copy("a"),
        lambda client: client.chat([Message("user", "a")]),
        lambda client: client.batch_generate(["a"]),
        _stream,
        _map,
    ],
    ids=["generate_copy", "chat", "batch_generate", "stream", "map"],
)
def test_ctrl_c_cancels_the_call_and_waits_until_all_is_given_back(make: Make, use: Use) -> None:
    api = Interrupting()
    made = make(api)
    with pytest.raises(KeyboardInterrupt):
        use(made.client)
    assert (made.held, api.on_wire) == (0, 0)
    assert [call.outcome for call in calls_of(made.events)] == [Outcome.CANCELLED]


@pytest.mark.usefixtures("_ctrl_c_raises")
def test_after_ctrl_c_the_client_goes_on(make: Make) -> None:
    interrupting = Interrupting()
    asked = 0

    async def once(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return await (interrupting if asked == 1 else echo)(request)

    made = make(once, limit=1)
    with pytest.raises(KeyboardInterrupt):
        made.client.generate_copy("a")
    assert made.client.generate_copy("b").text == "b"


class Answering(BaseHTTPRequestHandler):
    """A server on a real socket: a completion, or a stream, for whatever is asked."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if body.get("stream"):
            kind, data = "text/event-stream", ROLE + chunk("กาแฟ") + chunk("หอม") + END
        else:
            kind, data = "application/json", completion("กาแฟหอม").content
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


def test_every_method_over_a_real_socket(address: str) -> None:
    events: list[Event] = []
    with SyncClient(ResilientClient(address, KEY, listeners=[events.append])) as client:
        assert client.generate_copy("a").text == "กาแฟหอม"
        assert client.chat([Message("user", "a")]).usage == Usage(57, 129)
        with client.stream("a") as lines:
            assert list(lines) == ["กาแฟ", "หอม"]
        assert lines.reply.usage == Usage(57, 129)
        assert sorted(item.index for item in client.map(["a"] * 20)) == list(range(20))
        replies = [r for r in client.batch_generate(["a"] * 20) if not isinstance(r, CallError)]
        assert [reply.text for reply in replies] == ["กาแฟหอม"] * 20
    assert [call.outcome for call in calls_of(events)] == ["ok"] * 43


def test_the_thread_ends_with_the_client(address: str) -> None:
    for _ in range(3):
        with SyncClient(ResilientClient(address, KEY)) as client:
            client.generate_copy("a")
        assert not client._thread._thread.is_alive()
        assert client._thread._loop.is_closed()
