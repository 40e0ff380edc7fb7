"""Generations in real time: they take their time, their slot, and their place in the queue."""

import asyncio
import socket
import time
from typing import Any

import pytest

from mockserver.clock import Clock
from tests.mockserver.server.running import Mock

SLOW = {"ttft": {"median_ms": 100, "sigma": 0, "slow_share": 0, "per_1k_prompt_ms": 0}}
STEADY = {"inter_token": {"mean_ms": 2, "cv": 0}}


def _request(call: int) -> bytes:
    body = b'{"model":"m","messages":[{"role":"user","content":"hello"}]}'
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\n"
        f"x-primetime-call: {call}\r\nx-primetime-tokens: 50\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _raw(mock: Mock, call: int) -> socket.socket:
    """A request sent on a socket of its own, whose answer nobody has read yet."""
    sock = socket.create_connection(("127.0.0.1", mock.port), timeout=5)
    sock.sendall(_request(call))
    return sock


async def _status(mock: Mock, call: int) -> int | None:
    """The status of one call on a connection of its own; None when there was no answer within a second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", mock.port)
    writer.write(_request(call))
    try:
        line = await asyncio.wait_for(reader.readline(), 1.0)
    except (TimeoutError, ConnectionResetError):
        return None
    finally:
        writer.transport.abort()
    return int(line.split()[1])


def _row(mock: Mock, call: int) -> dict[str, Any]:
    rows = mock.admin("GET", "/admin/requests")["requests"]
    return dict(next(row for row in rows if row["call"] == call))


def test_a_reply_comes_after_its_drawn_time_and_never_before(mock: Mock) -> None:
    mock.play(**SLOW, **STEADY)
    clock = Clock()
    mock.chat({"x-primetime-tokens": "50"})
    taken_us = clock.now_us()
    row = _row(mock, 0)
    assert row["drawn_us"] == 200_000  # 100 ms and 50 tokens of 2 ms
    assert row["finished_us"] - row["started_us"] >= 200_000
    assert row["finished_us"] - row["started_us"] < 230_000
    assert 200_000 <= taken_us < 300_000


def test_more_than_the_slots_wait_in_order_and_more_than_the_queue_are_told(mock: Mock) -> None:
    mock.play(**SLOW, capacity={"slots": 1, "queue": 2})
    socks = []
    for call in range(4):
        socks.append(_raw(mock, call))
        mock.until("received", call + 1)
    assert mock.stats()["capacity"]["queued"] == 2
    answers = [sock.recv(65_536).split(b" ", 2)[1] for sock in socks]
    for sock in socks:
        sock.close()
    assert answers == [b"200", b"200", b"200", b"503"]
    starts = [_row(mock, call)["started_us"] for call in range(3)]
    assert starts == sorted(starts)
    assert starts[1] - starts[0] >= 100_000
    assert _row(mock, 3)["refused"] == "overloaded"


def test_who_waits_starts_when_the_background_falls(mock: Mock) -> None:
    mock.play(
        evening={"window": "20:00-20:10", "duration_s": 0.4},
        capacity={"slots": 1, "queue": 1, "background": [["20:00", 1.0], ["20:10", 0.0]]},
    )
    with _raw(mock, 1) as sock:
        assert sock.recv(65_536).startswith(b"HTTP/1.1 200")
    row = _row(mock, 1)
    assert row["started_us"] - row["received_us"] > 100_000


def test_work_for_a_caller_who_left_goes_on_and_holds_its_slot(mock: Mock) -> None:
    mock.play(**SLOW, **STEADY, capacity={"slots": 1, "queue": 5})
    _raw(mock, 1).close()
    mock.until("received", 1)
    with _raw(mock, 2) as sock:
        assert sock.recv(65_536).startswith(b"HTTP/1.1 200")
    dead, alive = _row(mock, 1), _row(mock, 2)
    assert (dead["client_gone"], dead["status"]) == (True, 200)
    assert dead["finished_us"] - dead["started_us"] >= 200_000
    assert alive["started_us"] - dead["started_us"] >= 200_000
    assert alive["client_gone"] is False


def test_work_is_dropped_with_its_caller_if_the_profile_says_so(mock: Mock) -> None:
    mock.play(ttft={"median_ms": 60_000}, capacity={"slots": 1, "queue": 5, "abandon_when_client_gone": True})
    running, waiting = _raw(mock, 1), _raw(mock, 2)
    mock.until("capacity.queued", 1)
    waiting.close()
    mock.until("capacity.queued", 0)
    running.close()
    mock.until("capacity.running", 0)
    for call in (1, 2):
        row = _row(mock, call)
        assert (row["status"], row["client_gone"]) == (None, True)
    assert _row(mock, 2)["started_us"] is None


def test_waiting_as_told_is_enough(mock: Mock) -> None:
    mock.play(limits={"rpm": 600, "window_s": 0.1})  # one at once, ten a second
    assert mock.chat()[0] == 200
    status, headers, _ = mock.chat()
    assert status == 429
    time.sleep(int(headers["retry-after-ms"]) / 1000)
    assert mock.chat()[0] == 200


@pytest.mark.parametrize("garbage", [b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n"])
def test_what_is_not_http_is_answered_400_or_closed(mock: Mock, garbage: bytes) -> None:
    with socket.create_connection(("127.0.0.1", mock.port), timeout=2) as sock:
        sock.sendall(garbage)
        sock.shutdown(socket.SHUT_WR)
        answer = sock.recv(65_536)
    assert answer == b"" or b" 400 " in answer
    assert mock.chat()[0] == 200


def test_a_caller_who_leaves_in_the_middle_of_a_body_is_no_request(mock: Mock) -> None:
    with socket.create_connection(("127.0.0.1", mock.port), timeout=2) as sock:
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\n{")
    mock.until("unread", 1)
    assert mock.stats()["received"] == 0


def test_every_request_is_counted_once_under_all_faults_at_once(mock: Mock) -> None:
    """Conservation: sent = answered + not answered, on both sides, and every answer is in the log."""
    mock.play(
        capacity={"slots": 8, "queue": 4},
        ttft={"median_ms": 5, "slow_median_ms": 5},
        limits={"rpm": 30_000},
        request_faults=[
            {"action": "status", "status": 500, "probability": 0.1},
            {"action": "reset", "probability": 0.1},
            {"action": "hang", "probability": 0.05},
        ],
    )
    sent = 300

    async def main() -> dict[int, int | None]:
        permits = asyncio.Semaphore(20)

        async def ask(call: int) -> int | None:
            async with permits:
                return await _status(mock, 500_000 + call)

        return dict(enumerate(await asyncio.gather(*map(ask, range(sent)))))

    seen = asyncio.run(main())
    mock.until("in_flight", 0)
    stats = mock.stats()
    assert stats["received"] == sum(row["count"] for row in stats["requests"]) == sent
    assert stats["capacity"]["running"] == stats["capacity"]["queued"] == 0
    time.sleep(0.25)  # the log is flushed at least that often
    logged = {row["call"] - 500_000: row for row in mock.rows() if 500_000 <= row["call"] < 600_000}
    assert set(logged) == set(range(sent))
    assert {call: logged[call]["status"] for call in seen} == seen
    assert {row["fault"] for row in logged.values()} == {None, "status_500", "reset", "hang"}
