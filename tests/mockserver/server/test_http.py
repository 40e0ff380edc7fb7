"""HTTP/1.1 on the wire: order, bounds, and how connections end."""

import asyncio
import contextlib
import socket
import time

import pytest

from mockserver.http.protocol import LINGER_S, Service
from mockserver.server.connections import Connections
from mockserver.wire.request import MAX_BODY_BYTES
from tests.mockserver.server.raw import hear
from tests.mockserver.server.running import Mock

HEALTH = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"


def _open(mock: Mock) -> socket.socket:
    return socket.create_connection(("127.0.0.1", mock.port), timeout=5)


def _post(body: bytes, *headers: bytes, path: bytes = b"/v1/chat/completions") -> bytes:
    lines = b"".join(line + b"\r\n" for line in (b"host: x", b"authorization: Bearer k", *headers))
    return b"POST %b HTTP/1.1\r\n%bcontent-length: %d\r\n\r\n%b" % (path, lines, len(body), body)


def test_requests_sent_ahead_are_answered_in_order(mock: Mock) -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}]}'
    with _open(mock) as sock:
        for tokens in range(1, 21):
            sock.sendall(_post(body, b"x-primetime-tokens: %d" % tokens))
        sock.sendall(HEALTH)
        heard = hear(sock)
    assert heard.data.count(b"HTTP/1.1 200 OK") == 21
    counted = [int(part.split(b",")[0]) for part in heard.data.split(b'"completion_tokens":')[1:]]
    assert counted == list(range(1, 21))


def test_one_byte_at_a_time_is_a_request_as_well(mock: Mock) -> None:
    with _open(mock) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in HEALTH:
            sock.sendall(bytes([byte]))
        assert hear(sock, until=b"}").status == 200


def test_who_waits_for_leave_to_send_a_body_gets_it(mock: Mock) -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}]}'
    with _open(mock) as sock:
        request = _post(body, b"expect: 100-continue")
        sock.sendall(request[: -len(body)])
        assert hear(sock, until=b"\r\n\r\n").data == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        assert hear(sock, until=b"}").status == 200


def test_a_body_that_is_too_large_is_answered_once_it_has_been_read(mock: Mock) -> None:
    with _open(mock) as sock:
        sock.sendall(_post(b"x" * (MAX_BODY_BYTES + 1)) + HEALTH)
        heard = hear(sock)
    assert heard.status == 413
    assert heard.data.count(b"HTTP/1.1 200 OK") == 1  # the connection goes on


def test_who_wishes_for_another_protocol_gets_leave_as_well(mock: Mock) -> None:
    """As curl --http2 asks."""
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}]}'
    with _open(mock) as sock:
        wish = (b"connection: Upgrade, HTTP2-Settings", b"upgrade: h2c", b"expect: 100-continue")
        sock.sendall(_post(body, *wish)[: -len(body)])
        assert hear(sock, until=b"\r\n\r\n").data == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        assert hear(sock, until=b"}").status == 200


@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/v1/messages"])
def test_who_asks_for_leave_to_send_too_much_is_told_in_the_words_of_the_api_and_logged(
    mock: Mock, path: bytes
) -> None:
    with _open(mock) as sock:
        head = b"POST %b HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\nanthropic-version: 2023-06-01\r\n"
        sock.sendall(
            head % path + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1)
        )
        heard = hear(sock, silence_s=3)
    assert (heard.status, heard.whole, heard.ending) == (413, True, "closed")
    assert (b"request_too_large" in heard.body) is (path == b"/v1/messages")
    assert b"request-id: req_" in heard.head
    (row,) = mock.admin("GET", "/admin/requests")["requests"]
    assert (row["status"], mock.stats()["unread"]) == (413, 0)


@pytest.mark.parametrize("fault", ["hang", "stall", "hang_after_headers"])
def test_who_leaves_with_a_request_still_unanswered_behind_it_is_noticed(mock: Mock, fault: str) -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}]}'
    with _open(mock) as sock:
        sock.sendall(_post(body, b"x-mock-fault: " + fault.encode()) + _post(body))
        mock.until("in_flight", 1)
    mock.until("in_flight", 0)
    (row,) = mock.admin("GET", "/admin/requests")["requests"]
    assert (row["fault"], row["client_gone"]) == (fault, True)


def test_the_head_alone_can_be_asked_for(mock: Mock) -> None:
    with _open(mock) as sock:
        sock.sendall(b"HEAD /healthz HTTP/1.1\r\nhost: x\r\n\r\n" + HEALTH)
        heard = hear(sock)
    first, second = heard.data.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200")
    assert first.endswith(b"\r\n\r\n")
    assert second.startswith(b"200")


def test_an_old_caller_reads_a_stream_to_the_end_of_the_connection(mock: Mock) -> None:
    body = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}'
    request = _post(body, b"x-primetime-tokens: 3").replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    with _open(mock) as sock:
        sock.sendall(request)
        heard = hear(sock)
    assert heard.ending == "closed"
    assert b"chunked" not in heard.head
    assert heard.body.endswith(b"data: [DONE]\n\n")


def test_a_caller_who_says_close_is_answered_and_left(mock: Mock) -> None:
    with _open(mock) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        heard = hear(sock)
    assert (heard.status, heard.ending) == (200, "closed")
    assert b"connection: close" in heard.head


def test_what_is_no_http_is_answered_after_what_was_and_then_left(mock: Mock) -> None:
    with _open(mock) as sock:
        sock.sendall(HEALTH + b"\x00garbage\r\n\r\n" + b"x" * 100_000)
        heard = hear(sock, silence_s=LINGER_S + 1)
    assert heard.data.count(b"HTTP/1.1 200 OK") == 1
    assert heard.data.count(b"HTTP/1.1 400 Bad Request") == 1
    assert heard.ending == "closed"


def test_a_caller_who_leaves_in_the_middle_of_a_request_is_counted(mock: Mock) -> None:
    with _open(mock) as sock:
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf")
        mock.until("connections.open", 2)
    mock.until("unread", 1)
    assert mock.stats()["received"] == 0


def test_of_what_a_slow_reader_has_not_read_the_server_holds_little(mock: Mock) -> None:
    """A long reply is generated at once: what the kernel does not take is not made."""
    body = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}'
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", mock.port))
        sock.sendall(_post(body, b"x-primetime-tokens: 32000"))
        mock.until("in_flight", 1)
        assert mock.stats()["in_flight"] == 1
        heard = hear(sock, silence_s=2, until=b"0\r\n\r\n")
    assert heard.data.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


def test_who_asks_again_and_again_without_reading_is_not_answered_for_ever(mock: Mock) -> None:
    request = _post(b'{"model":"m","messages":[{"role":"user","content":"x"}]}', b"x-primetime-tokens: 32768")
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", mock.port))
        sock.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 20_000_000:
                sent += sock.send(request * 50)
        before = -1
        while (received := mock.stats()["received"]) != before:  # until it stands still
            before = received
            time.sleep(0.2)
        assert received * 200_000 < 20_000_000  # of replies of 200 kB, no more than the kernel takes
        assert mock.stats()["connections"]["open"] == 2


def test_an_answer_is_not_taken_back_by_what_follows_its_request(mock: Mock) -> None:
    with _open(mock) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n" + b"x" * 300_000)
        heard = hear(sock, silence_s=LINGER_S + 1)
    assert (heard.status, heard.ending) == (200, "closed")


async def _idle_connections() -> list[bool]:
    """Whether two connections are still open after the keep-alive time: one idle, one at work."""
    answered = asyncio.Event()

    async def handle(_request: object, _reply: object) -> None:
        await answered.wait()

    service = Service(handle, lambda _refusal, _reply: None, lambda: None, 100, lambda: 0)
    connections = Connections(service, keepalive_s=0.0)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(connections, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    _, idle = await asyncio.open_connection("127.0.0.1", port)
    _, busy = await asyncio.open_connection("127.0.0.1", port)
    busy.write(HEALTH)
    while connections.open < 2 or all(item.idle for item in connections._open):  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.002)
    connections.sweep()
    await asyncio.sleep(0.01)
    states = [len(connections._open) == 1, not next(iter(connections._open)).idle]
    answered.set()
    idle.close()
    busy.close()
    await connections.shutdown(1.0)
    server.close()
    await server.wait_closed()
    return states


def test_a_connection_on_which_nobody_waits_is_closed_after_a_while() -> None:
    assert asyncio.run(_idle_connections()) == [True, True]
