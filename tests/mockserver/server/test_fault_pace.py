"""Faults that are only slow: a delayed reply, and one that arrives in drops."""

import json

import pytest

from mockserver.clock import Clock
from tests.mockserver.server.raw import CHAT_PATH, MESSAGES_PATH, Heard, hear, row, send
from tests.mockserver.server.running import Mock

BOTH = pytest.mark.parametrize("path", [CHAT_PATH, MESSAGES_PATH], ids=["openai", "anthropic"])
KINDS = pytest.mark.parametrize("kind", ["whole", "stream"])
# By how much a timer may be early, and what a busy machine may add.
EARLY_US = 5_000
LATE_US = 1_000_000


def _ask(mock: Mock, fault: str, path: str, *, stream: bool) -> tuple[Heard, int]:
    """One request, and the time from before it was sent until its end."""
    clock = Clock()
    with send(mock, path, {"x-mock-fault": fault, "connection": "close"}, stream=stream) as sock:
        return hear(sock, silence_s=5), clock.now_us()


@BOTH
@KINDS
def test_a_delayed_reply_is_good_and_comes_that_much_later(mock: Mock, path: str, kind: str) -> None:
    heard, taken_us = _ask(mock, "delay; delay_ms=150", path, stream=kind == "stream")
    assert (heard.status, heard.whole) == (200, True)
    assert 150_000 <= taken_us < 150_000 + LATE_US
    line = row(mock, 0)
    assert (line["fault"], line["status"], line["drawn_us"]) == ("delay", 200, 150_000)
    assert line["first_us"] - line["received_us"] >= 150_000


def test_a_delayed_generation_holds_its_slot(mock: Mock) -> None:
    mock.play(capacity={"slots": 1, "queue": 1})
    with send(mock, headers={"x-mock-fault": "delay; delay_ms=150"}) as slow:
        mock.until("capacity.running", 1)
        with send(mock) as next_in_line:
            assert next_in_line.recv(65_536).startswith(b"HTTP/1.1 200")
        assert slow.recv(65_536).startswith(b"HTTP/1.1 200")
    mock.until("in_flight", 0)
    first, second = row(mock, 0), row(mock, 1)
    assert second["started_us"] - first["started_us"] >= 150_000


def test_a_list_of_models_is_delayed_too(mock: Mock) -> None:
    clock = Clock()
    status, _, body = mock.request(
        "GET", "/v1/models", None, {"authorization": "Bearer k", "x-mock-fault": "delay; delay_ms=100"}
    )
    assert clock.now_us() >= 100_000
    assert (status, json.loads(body)["object"]) == (200, "list")


@BOTH
@KINDS
def test_a_body_drips_at_its_rate_and_is_whole(mock: Mock, path: str, kind: str) -> None:
    heard, taken_us = _ask(mock, "slow_drip; bytes_per_s=4000", path, stream=kind == "stream")
    assert (heard.status, heard.whole, heard.ending) == (200, True, "closed")
    sent = len(heard.data.partition(b"\r\n\r\n")[2])
    due_us = (sent - 80) * 1_000_000 // 4000  # in drops of 80 bytes, one in 20 ms, the first at once
    assert due_us - EARLY_US <= taken_us < due_us + LATE_US
    assert len(heard.parts_us) >= 3
    assert row(mock, 0)["fault"] == "slow_drip"


@BOTH
def test_less_than_a_byte_in_20_ms_is_a_byte_at_a_time(mock: Mock, path: str) -> None:
    clock = Clock()
    with send(mock, path, {"x-mock-fault": "slow_drip; bytes_per_s=20"}) as sock:
        data = b""
        while not data.endswith(b'\r\n\r\n{"id'):
            data += sock.recv(1)
        taken_us = clock.now_us()
    assert 150_000 - EARLY_US <= taken_us < 150_000 + LATE_US  # the fourth byte: three times 1/20 s
    mock.until("in_flight", 0)
    assert row(mock, 0)["fault"] == "slow_drip"


@KINDS
def test_who_leaves_in_the_middle_of_a_drip_is_let_go(mock: Mock, kind: str) -> None:
    mock.play(capacity={"slots": 1})
    with send(mock, headers={"x-mock-fault": "slow_drip; bytes_per_s=10"}, stream=kind == "stream") as sock:
        assert sock.recv(4096).startswith(b"HTTP/1.1 200")
        mock.until("capacity.running", 0)  # the generation is done, its bytes are not
        assert mock.stats()["in_flight"] == 1
    mock.until("in_flight", 0)
    line = row(mock, 0)
    assert (line["status"], line["client_gone"]) == (200, True)


def test_a_reset_of_the_server_cuts_a_drip_between_two_drops(mock: Mock) -> None:
    """Nothing of the old run may end in the new one, whose calls begin with 0 again."""
    with send(mock, headers={"x-mock-fault": "slow_drip; bytes_per_s=0.1"}, stream=True) as sock:
        assert sock.recv(4096).startswith(b"HTTP/1.1 200")
        mock.admin("POST", "/admin/reset")
        assert (mock.stats()["in_flight"], mock.stats()["received"]) == (0, 0)
        assert hear(sock, silence_s=2).ending == "reset"
    assert mock.admin("GET", "/admin/requests")["requests"] == []
