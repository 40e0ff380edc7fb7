"""Every fault on the wire: which bytes came, how the connection ended, whether the reply is whole.

What each fault leaves in the log, and the details of those that break off, are in `test_request_faults`.
"""

import json
import socket
from dataclasses import dataclass
from typing import Literal, get_args

import pytest

from mockserver.rules import ConnectionAction, RequestAction
from mockserver.wire.spoil import GARBAGE
from tests.mockserver.server.connecting import nobody_listening
from tests.mockserver.server.raw import CHAT_PATH, MESSAGES_PATH, Heard, hear, row, send
from tests.mockserver.server.running import Mock

BOTH = pytest.mark.parametrize("path", [CHAT_PATH, MESSAGES_PATH], ids=["openai", "anthropic"])
KINDS = pytest.mark.parametrize("kind", ["whole", "stream"])
# What comes at all, comes sooner.
SILENCE_S = 0.3

Came = Literal["nothing", "garbage", "half a head", "head", "a part", "all", "too much", "a wrong chunk"]


@dataclass(frozen=True, slots=True)
class OnWire:
    """What comes of a whole reply and of a stream, and how the connection ends (see `raw.Heard`)."""

    whole: tuple[Came, str]
    stream: tuple[Came, str]


def _alike(came: Came, ending: str) -> OnWire:
    return OnWire((came, ending), (came, ending))


# By the text of the header. Every request asks for the connection to end with its reply.
ON_WIRE: dict[str, OnWire] = {
    "status; status=503": _alike("all", "closed"),
    "refuse": _alike("nothing", "closed"),
    "hang": _alike("nothing", "silent"),
    "reset": _alike("nothing", "reset"),
    "garbage": _alike("garbage", "closed"),
    "delay; delay_ms=20": _alike("all", "closed"),
    "slow_drip; bytes_per_s=20000": _alike("all", "closed"),
    "wrong_length": OnWire(("a part", "silent"), ("a wrong chunk", "closed")),
    "wrong_length; length_off=-16": OnWire(("too much", "closed"), ("a wrong chunk", "closed")),
    "reset_in_headers": _alike("half a head", "reset"),
    "reset_after_headers": _alike("head", "reset"),
    "hang_after_headers": _alike("head", "silent"),
    "stall": _alike("a part", "silent"),
    "reset_mid": _alike("a part", "reset"),
    "truncate": _alike("a part", "closed"),
    "half_json": _alike("all", "closed"),
    "malformed_sse": _alike("all", "closed"),
    "stream_error": _alike("all", "closed"),
}


def _ask(mock: Mock, fault: str, path: str = CHAT_PATH, *, silence_s: float = 5, **fields: object) -> Heard:
    """One request, and what is heard until its connection ends or nothing comes any more."""
    with send(mock, path, {"x-mock-fault": fault, "connection": "close"}, **fields) as sock:
        return hear(sock, silence_s=silence_s)


def _action(fault: str) -> str:
    return fault.partition(";")[0]


def _chunks(heard: Heard) -> list[tuple[int, bytes]]:
    """The size each chunk says it has, and what stands in it: no event has a CRLF inside."""
    lines = heard.data.partition(b"\r\n\r\n")[2].split(b"\r\n")
    assert lines[-3:] == [b"0", b"", b""]
    return [(int(size, 16), data) for size, data in zip(lines[:-3:2], lines[1:-3:2], strict=True)]


def _came(heard: Heard) -> Came:
    head, blank, body = heard.data.partition(b"\r\n\r\n")
    if not heard.data or heard.data == GARBAGE:
        return "garbage" if heard.data else "nothing"
    assert head.startswith(b"HTTP/1.1 ")
    if not blank or not body:
        return "head" if blank else "half a head"
    if b"content-length" in head:
        return "all" if heard.whole else "too much" if len(body) > heard.promised else "a part"
    if body.endswith(b"\r\n0\r\n\r\n"):
        return "all" if all(size == len(data) for size, data in _chunks(heard)) else "a wrong chunk"
    return "a part"


@BOTH
@KINDS
@pytest.mark.parametrize("fault", ON_WIRE)
def test_what_a_fault_is_on_the_wire(mock: Mock, path: str, fault: str, kind: str) -> None:
    expected = ON_WIRE[fault].stream if kind == "stream" else ON_WIRE[fault].whole
    silence_s = SILENCE_S if expected[1] == "silent" else 5
    heard = _ask(mock, fault, path, silence_s=silence_s, stream=kind == "stream")
    assert (_came(heard), heard.ending) == expected
    mock.until("in_flight", 0)
    assert row(mock, 0)["fault"] == ("status_503" if _action(fault) == "status" else _action(fault))


def test_the_matrix_has_every_action() -> None:
    actions = {action for kind in get_args(RequestAction) for action in get_args(kind)}
    assert {_action(fault) for fault in ON_WIRE} == actions
    assert set(get_args(ConnectionAction)) == {"refuse", "hang", "reset"}  # tested one by one below


@BOTH
def test_a_refused_request_has_no_status_and_takes_no_slot(mock: Mock, path: str) -> None:
    mock.play(capacity={"slots": 1, "queue": 0}, ttft={"median_ms": 60_000})
    assert _ask(mock, "refuse", path).data == b""
    line = row(mock, 0)
    assert (line["status"], line["started_us"], line["client_gone"]) == (None, None, False)


@BOTH
@pytest.mark.parametrize("off", [16, -16, 1, -1, -1_000_000])
def test_a_length_is_wrong_by_so_many_bytes_and_the_document_is_good(mock: Mock, path: str, off: int) -> None:
    silence_s = SILENCE_S if off > 0 else 5
    heard = _ask(mock, f"wrong_length; length_off={off}", path, silence_s=silence_s)
    assert json.loads(heard.body)["model"] == "m"
    assert heard.promised == max(0, len(heard.body) + off)


@BOTH
@pytest.mark.parametrize("off", [16, -16, 1, -1, -1_000_000])
def test_one_chunk_is_wrong_by_so_many_bytes_and_no_other(mock: Mock, path: str, off: int) -> None:
    heard = _ask(mock, f"wrong_length; length_off={off}; after_events=2", path, stream=True)
    wrong = [(size, data) for size, data in _chunks(heard) if size != len(data)]
    ((size, data),) = wrong
    assert size == max(1, len(data) + off)  # 0 would be the end
    before = heard.data[: heard.data.index(data)].count(b"data: ")
    assert before == {CHAT_PATH: 1, MESSAGES_PATH: 3}[path] + 2
    assert data.count(b"data: ") == 1


@BOTH
@KINDS
def test_a_reset_inside_the_head_comes_after_its_status_line(mock: Mock, path: str, kind: str) -> None:
    heard = _ask(mock, "reset_in_headers", path, stream=kind == "stream")
    assert heard.data.startswith(b"HTTP/1.1 200 OK\r\ndate: ")
    assert (b"\r\n\r\n" in heard.data, heard.ending) == (False, "reset")
    complete = _ask(mock, "reset_after_headers", path, stream=kind == "stream")
    assert complete.data.endswith(b"\r\n\r\n")
    assert abs(len(complete.data) - 2 * len(heard.data)) <= 2  # the time it took may have a digit more
    assert [row(mock, call)["status"] for call in (0, 1)] == [200, 200]


@pytest.mark.parametrize("after_events", [0, 1, 4, 5, 99])
def test_of_two_choices_side_by_side_one_event_is_malformed(mock: Mock, after_events: int) -> None:
    fault = f"malformed_sse; after_events={after_events}"
    heard = _ask(mock, fault, n=2, stream=True)
    assert heard.whole
    # A role for each choice, five tokens of each, an end for each; after all tokens it is the first end.
    events = heard.events
    assert len(events) == 2 + 2 * 5 + 2 + 1
    assert [index for index, event in enumerate(events[:-1]) if not _is_json(event)] == [
        2 + 2 * min(after_events, 5)
    ]
    assert events[-1] == "[DONE]"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    return True


@pytest.mark.parametrize("fault", ["wrong_length; length_off=-16", "reset_after_headers", "slow_drip"])
def test_a_path_without_a_generation_is_spoiled_the_same_way(mock: Mock, fault: str) -> None:
    fault += "; bytes_per_s=20000" if fault == "slow_drip" else ""
    heard = _ask(mock, fault, "/v1/messages/count_tokens")
    assert (_came(heard), heard.ending) == ON_WIRE[fault].whole


def test_where_connections_are_refused_nobody_listens_and_those_that_are_open_go_on(mock: Mock) -> None:
    with nobody_listening(mock):
        for _ in range(3):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", mock.port), timeout=1)
        assert mock.chat()[0] == 200  # on the admin client's connection
    assert _ask(mock, "delay; delay_ms=0").status == 200


def test_a_hung_connection_is_accepted_and_never_read(mock: Mock) -> None:
    mock.play(connection_faults=[{"action": "hang"}])
    with send(mock) as sock:
        heard = hear(sock)
        assert (heard.data, heard.ending) == (b"", "silent")
        assert mock.stats()["connections"]["hung"] == 1
    mock.until("connections.open", 1)
    assert mock.stats()["received"] == 0


def test_a_reset_connection_ends_before_anything_is_asked(mock: Mock) -> None:
    mock.play(connection_faults=[{"action": "reset"}])
    try:
        with socket.create_connection(("127.0.0.1", mock.port), timeout=5) as sock:
            heard = hear(sock, silence_s=5)
    except ConnectionResetError:  # the reset was there before connecting returned
        heard = Heard(b"", "reset", ())
    assert (heard.data, heard.ending) == (b"", "reset")
    assert mock.stats()["connections"]["reset"] == 1
    assert mock.stats()["received"] == 0
