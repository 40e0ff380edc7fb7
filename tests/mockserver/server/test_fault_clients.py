"""Every fault as the clients see it: the exact class that httpx, aiohttp and the official SDKs raise."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, fields
from json import JSONDecodeError
from typing import get_args

import anthropic
import httpx
import httpx2
import openai
import pytest

from harness import Attempt, CallError
from harness.policy.config import ConnectionsConfig
from harness.transport.base import HttpRequest, HttpResponse, Transport
from mockserver.rules import ConnectionAction, RequestAction
from tests.harness.transport.backends import backend_client, make_transport
from tests.mockserver.server.callers import CALLERS, Kind, asking, by_aiohttp, by_httpx
from tests.mockserver.server.connecting import nobody_listening
from tests.mockserver.server.running import Mock
from tests.mockserver.server.seen import (
    CONNECTIONS_BY_FAST,
    CONNECTIONS_SEEN,
    OPTIONS,
    SEEN,
    SEEN_BY_FAST,
    VARIANTS,
    VARIANTS_BY_FAST,
    Error,
    Seen,
    Selectors,
)

Raised = dict[str, type[BaseException] | None]

KINDS = pytest.mark.parametrize("kind", ["whole", "stream"])
# The header of each fault, and what is seen of it.
FAULTS: dict[str, Seen] = {
    "; ".join(filter(None, [action, OPTIONS.get(action)])): seen for action, seen in SEEN.items()
} | VARIANTS
FAULTS_BY_FAST: dict[str, Selectors] = {
    "; ".join(filter(None, [action, OPTIONS.get(action)])): seen for action, seen in SEEN_BY_FAST.items()
} | VARIANTS_BY_FAST
# The read timeout where it is to be met or outlived; and where a busy machine must not be taken for silent.
SHORT_S = 0.3
LONG_S = 10.0
# Long enough for the first event to be read alone, so that what follows meets a client in the middle.
APART = {"inter_token": {"mean_ms": 120, "cv": 0}}


def _raised_by_each(port: int, fault: str, kind: Kind, read_s: float) -> Raised:
    """What each client raises when all ask at the same time."""

    async def main() -> list[BaseException | None]:
        asked = (caller(port, fault, kind, read_s) for caller in CALLERS.values())
        return await asyncio.gather(*asked, return_exceptions=True)

    raised = asyncio.run(main())
    return {name: None if error is None else type(error) for name, error in zip(CALLERS, raised, strict=True)}


def _ends_by_timeout(seen: Seen, kind: Kind) -> bool:
    error = getattr(seen, f"{kind}_aiohttp")
    return isinstance(error, type) and issubclass(error, TimeoutError)


def _check(raised: Raised, seen: Seen, kind: Kind) -> None:
    expected: dict[str, Error] = {name: getattr(seen, f"{kind}_{name}") for name in CALLERS}
    either = {name: errors for name, errors in expected.items() if isinstance(errors, tuple)}
    for name, errors in either.items():
        assert raised[name] in errors, name
    assert {name: raised[name] for name in CALLERS if name not in either} == {
        name: error for name, error in expected.items() if name not in either
    }


@KINDS
@pytest.mark.parametrize("fault", FAULTS)
def test_what_each_client_sees_of_a_fault(mock: Mock, fault: str, kind: Kind) -> None:
    seen = FAULTS[fault]
    mock.play(**(APART if kind == "stream" and fault.startswith("wrong_length") else {}))
    short = fault.startswith("slow_drip") or _ends_by_timeout(seen, kind)
    _check(_raised_by_each(mock.port, fault, kind, SHORT_S if short else LONG_S), seen, kind)
    mock.until("in_flight", 0)
    assert mock.stats()["received"] == len(CALLERS)


@KINDS
@pytest.mark.parametrize("action", ["hang", "reset"])
def test_what_each_client_sees_of_a_spoiled_connection(mock: Mock, action: str, kind: Kind) -> None:
    mock.play(connection_faults=[{"action": action}])
    seen = CONNECTIONS_SEEN[action]
    read_s = SHORT_S if _ends_by_timeout(seen, kind) else LONG_S
    _check(_raised_by_each(mock.port, "", kind, read_s), seen, kind)
    assert mock.stats()["received"] == 0
    mock.until("connections.open", 1)  # the admin client's own


@KINDS
def test_what_each_client_sees_where_nobody_listens(mock: Mock, kind: Kind) -> None:
    with nobody_listening(mock):
        raised = _raised_by_each(mock.port, "", kind, LONG_S)
    _check(raised, CONNECTIONS_SEEN["refuse"], kind)


@KINDS
def test_without_a_fault_every_client_has_a_good_reply(mock: Mock, kind: Kind) -> None:
    assert set(_raised_by_each(mock.port, "", kind, LONG_S).values()) == {None}


@dataclass(frozen=True, slots=True)
class _Faulty:
    """Passes requests on with the header that asks for a fault."""

    inner: Transport
    fault: str

    async def open(self, request: HttpRequest) -> HttpResponse:
        headers = {**request.headers, **asking(self.fault)}
        return await self.inner.open(HttpRequest(request.method, request.url, headers, request.content))

    async def aclose(self) -> None:
        await self.inner.aclose()


def _ends_on_fast(port: int, fault: str, kind: Kind, read_s: float) -> str:
    """How one attempt of our own client on the fast transport ends."""
    seen: list[Attempt] = []
    connections = ConnectionsConfig(read_timeout_s=read_s)
    faulty = _Faulty(make_transport("fast", connections), fault)

    async def main() -> None:
        url = f"http://127.0.0.1:{port}/v1"
        async with backend_client("fast", url, seen, connections, transport=faulty) as client:
            with suppress(CallError):
                if kind == "whole":
                    await client.generate_copy("เขียนแคปชั่นให้ร้านกาแฟ")
                else:
                    async with client.stream("เขียนแคปชั่นให้ร้านกาแฟ") as stream:
                        _ = [piece async for piece in stream]

    asyncio.run(main())
    (one,) = seen
    return one.selector


@KINDS
@pytest.mark.parametrize("fault", FAULTS_BY_FAST)
def test_what_the_fast_transport_makes_of_a_fault(mock: Mock, fault: str, kind: Kind) -> None:
    whole, stream = FAULTS_BY_FAST[fault]
    expected = whole if kind == "whole" else stream
    mock.play(**(APART if expected.startswith("partial") else {}))
    short = fault.startswith("slow_drip") or expected.endswith("read_timeout")
    assert _ends_on_fast(mock.port, fault, kind, SHORT_S if short else LONG_S) == expected
    mock.until("in_flight", 0)
    assert mock.stats()["received"] == 1


@KINDS
@pytest.mark.parametrize("action", ["hang", "reset"])
def test_what_the_fast_transport_makes_of_a_spoiled_connection(mock: Mock, action: str, kind: Kind) -> None:
    mock.play(connection_faults=[{"action": action}])
    read_s = SHORT_S if action == "hang" else LONG_S
    assert _ends_on_fast(mock.port, "", kind, read_s) in CONNECTIONS_BY_FAST[action]
    assert mock.stats()["received"] == 0
    mock.until("connections.open", 1)  # the admin client's own


@KINDS
def test_what_the_fast_transport_makes_of_nobody_listening(mock: Mock, kind: Kind) -> None:
    with nobody_listening(mock):
        assert _ends_on_fast(mock.port, "", kind, LONG_S) in CONNECTIONS_BY_FAST["refuse"]


def test_the_fast_transport_s_table_has_every_fault() -> None:
    assert FAULTS_BY_FAST.keys() == FAULTS.keys()
    assert CONNECTIONS_BY_FAST.keys() == CONNECTIONS_SEEN.keys()


def test_the_table_has_every_action_and_every_client() -> None:
    assert set(SEEN) == {action for kind in get_args(RequestAction) for action in get_args(kind)}
    assert set(CONNECTIONS_SEEN) == set(get_args(ConnectionAction))
    assert {field.name for field in fields(Seen)} == {
        f"{kind}_{name}" for kind in ("whole", "stream") for name in CALLERS
    }


def test_what_drips_outlives_every_read_timeout_and_not_a_total_one(mock: Mock) -> None:
    async def main(total_s: float) -> None:
        async with asyncio.timeout(total_s):
            await by_httpx(mock.port, "slow_drip; bytes_per_s=500", "whole", SHORT_S)

    with pytest.raises(TimeoutError):
        asyncio.run(main(2 * SHORT_S))
    mock.until("in_flight", 0)


def test_a_chunk_one_byte_too_long_is_taken_as_good_by_aiohttp_alone(mock: Mock) -> None:
    """Its parser is lenient about a line that ends without CR."""
    fault = "wrong_length; length_off=1"
    asyncio.run(by_aiohttp(mock.port, fault, "stream", LONG_S))
    with pytest.raises(httpx.RemoteProtocolError):
        asyncio.run(by_httpx(mock.port, fault, "stream", LONG_S))


def test_what_the_base_class_of_each_sdk_does_not_catch() -> None:
    def leaks(name: str, base: type[Exception]) -> set[Error]:
        seen = {getattr(seen, f"{kind}_{name}") for seen in FAULTS.values() for kind in ("whole", "stream")}
        return {error for error in seen - {None} if not issubclass(error, base)}

    assert leaks("openai_sdk", openai.OpenAIError) == {JSONDecodeError}
    assert leaks("anthropic_sdk", anthropic.AnthropicError) == {
        JSONDecodeError,
        httpx2.ReadTimeout,
        httpx2.ReadError,
        httpx2.RemoteProtocolError,
    }
