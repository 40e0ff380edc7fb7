"""The front: saturation is felt as a genuine connect timeout, and it passes."""

import socket

import pytest

from mockserver.clock import Clock
from tests.mockserver.server.running import Mock, running


def _connect(mock: Mock, timeout_s: float) -> socket.socket | None:
    try:
        return socket.create_connection(("127.0.0.1", mock.port), timeout=timeout_s)
    except TimeoutError:
        return None


def _health(sock: socket.socket) -> bytes:
    sock.settimeout(5)
    sock.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
    return sock.recv(4096)


def test_a_saturated_front_times_out_connects_and_recovers() -> None:
    with running("--profile", "instant") as mock:
        mock.chat()  # the admin connection is in, and stays
        mock.admin("PUT", "/admin/profile", {"front": {"connections_per_s": 0.1, "burst": 1, "backlog": 2}})
        first = [_connect(mock, 2)]
        mock.until("connections.open", 2)
        # One has passed; the kernel keeps backlog + 1 = 3 more.
        first += [_connect(mock, 2) for _ in range(3)]
        assert all(first)
        mock.until("connections.waiting", 3)
        blocked = [_connect(mock, 0.3) for _ in range(2)]
        assert blocked == [None, None]
        mock.admin("PUT", "/admin/profile", {"front": {"connections_per_s": 1000, "burst": 100}})
        mock.until("connections.waiting", 0)
        again = _connect(mock, 2)
        assert again is not None
        assert b"200 OK" in _health(again)
        for sock in [*first, again]:
            if sock is not None:
                sock.close()


def test_kept_connections_cost_nothing(mock: Mock) -> None:
    mock.play(front={"connections_per_s": 0.001, "burst": 1})
    assert [mock.chat()[0] for _ in range(30)] == [200] * 30


def test_new_connections_are_paced(mock: Mock) -> None:
    mock.play(front={"connections_per_s": 20, "burst": 2})
    clock = Clock()
    for _ in range(8):
        sock = _connect(mock, 2)
        assert sock is not None
        assert b"200 OK" in _health(sock)
        sock.close()
    # Two at once, six at 20 a second.
    assert 280_000 <= clock.now_us() < 800_000


def test_no_more_are_open_than_allowed(mock: Mock) -> None:
    mock.play(front={"max_open": 3})  # the admin client's is one of them
    socks = [sock for sock in (_connect(mock, 1) for _ in range(4)) if sock is not None]
    mock.until("connections.open", 3)
    mock.until("connections.waiting", 2)
    assert b"200 OK" in _health(socks[0])
    socks[3].settimeout(0.2)
    socks[3].sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
    with pytest.raises(TimeoutError):
        socks[3].recv(10)
    socks[0].close()
    socks[1].close()
    socks[3].settimeout(5)
    assert b"200 OK" in socks[3].recv(4096)
    for sock in socks:
        sock.close()
