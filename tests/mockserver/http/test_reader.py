"""Requests out of bytes, however they are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.http.message import HttpRequest
from mockserver.http.reader import MAX_DISCARDED_BYTES, MAX_HEAD_BYTES, RequestReader

MAX_BODY = 100

GET = b"GET /v1/models?a=1&b=%20x HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST /p HTTP/1.1\r\nHost: x\r\nX-Tag: a\r\nx-tag:  b \r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /c HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nx-trailer: t\r\n\r\n"
)
OLD = b"GET /old HTTP/1.0\r\n\r\n"


def _read(*parts: bytes) -> tuple[list[HttpRequest], RequestReader]:
    reader = RequestReader(MAX_BODY)
    requests = [request for part in parts for request in reader.feed(part)]
    return requests, reader


def test_a_request_is_read_with_its_query_and_its_headers_in_lower_case() -> None:
    (get, post), _ = _read(GET + POST)
    assert (get.method, get.path, get.query) == ("GET", "/v1/models", {"a": "1", "b": " x"})
    assert (get.body, get.keep_alive, get.http_1_1) == (b"", True, True)
    assert post.headers == {"host": "x", "x-tag": "a, b", "content-length": "5"}
    assert post.body == b"hello"


def test_a_chunked_body_is_put_together_and_its_trailers_are_no_headers() -> None:
    (request,), _ = _read(CHUNKED)
    assert request.body == b"abcde"
    assert "x-trailer" not in request.headers


def test_an_old_caller_is_not_kept_unless_it_asks() -> None:
    (old,), _ = _read(OLD)
    assert (old.keep_alive, old.http_1_1) == (False, False)
    (kept,), _ = _read(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
    assert (kept.keep_alive, kept.http_1_1) == (True, False)
    (closing,), _ = _read(b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n")
    assert not closing.keep_alive


@given(st.data(), st.lists(st.sampled_from([GET, POST, CHUNKED]), min_size=1, max_size=4))
def test_where_the_bytes_are_cut_does_not_matter(data: st.DataObject, messages: list[bytes]) -> None:
    wire = b"".join(messages)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(wire) - 1), max_size=12)))
    parts = [wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    whole, _ = _read(*messages)
    assert _read(*parts)[0] == whole
    assert len(whole) == len(messages)


def test_a_body_over_the_bound_is_read_but_not_kept() -> None:
    just = b"POST / HTTP/1.1\r\ncontent-length: 100\r\n\r\n" + b"x" * 100
    over = b"POST / HTTP/1.1\r\ncontent-length: 101\r\n\r\n" + b"x" * 101
    in_chunks = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n33\r\n%b\r\n33\r\n%b\r\n0\r\n\r\n"
    bodies = [request.body for request in _read(just, over, in_chunks % (b"x" * 51, b"x" * 51), GET)[0]]
    assert bodies == [b"x" * 100, None, None, b""]


def test_a_wish_for_another_protocol_is_not_fulfilled() -> None:
    upgrade = b"POST /u HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: 2\r\n\r\nhi"
    requests, reader = _read(upgrade + GET)
    assert [(request.path, request.body) for request in requests] == [
        ("/u", b"hi"),
        ("/v1/models", b""),
    ]
    assert reader.refusal is None


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
def test_what_is_no_http_is_refused_after_what_was(garbage: bytes) -> None:
    requests, reader = _read(GET + garbage)
    assert len(requests) == 1
    assert reader.refusal is not None
    assert reader.refusal.status == 400
    assert reader.feed(GET) == []


def test_a_head_without_an_end_is_refused() -> None:
    reader = RequestReader(MAX_BODY)
    reader.feed(b"GET / HTTP/1.1\r\n")
    line = b"x-a: " + b"y" * 1000 + b"\r\n"
    fed = 0
    while reader.refusal is None:
        reader.feed(line)
        fed += len(line)
        assert fed < MAX_HEAD_BYTES + 2 * len(line)
    assert reader.refusal.status == 431


def test_a_body_without_an_end_is_refused() -> None:
    reader = RequestReader(MAX_BODY)
    reader.feed(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n")
    piece = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    for _ in range(MAX_DISCARDED_BYTES // 0x100000):
        assert reader.feed(piece) == []
        assert reader.refusal is None
    reader.feed(piece)
    assert reader.refusal is not None
    assert reader.refusal.status == 413


def test_who_waits_for_our_word_is_known_until_the_body_has_come() -> None:
    reader = RequestReader(MAX_BODY)
    reader.feed(b"POST / HTTP/1.1\r\nexpect: 100-Continue\r\ncontent-length: 2\r\n\r\n")
    assert reader.expects_continue
    (request,) = reader.feed(b"hi")
    assert request.body == b"hi"
    assert not reader.expects_continue


def test_how_a_head_arrives_does_not_change_what_is_too_large() -> None:
    head = b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 40_000 + b"\r\n"
    for size in (len(head), 1000):
        reader = RequestReader(MAX_BODY)
        assert [reader.feed(head[at : at + size]) for at in range(0, len(head), size)].count([]) > 0
        assert reader.refusal is not None
        assert reader.refusal.status == 431


def test_many_wishes_for_another_protocol_in_one_read_are_all_answered() -> None:
    upgrade = b"GET /u HTTP/1.1\r\nconnection: upgrade\r\nupgrade: foo\r\n\r\n"
    requests, reader = _read(upgrade * 3000)
    assert (len(requests), reader.refusal) == (3000, None)


def test_who_waits_to_send_too_much_is_refused_and_an_old_caller_does_not_wait() -> None:
    head = b"POST / HTTP/%b\r\nexpect: 100-continue\r\ncontent-length: %d\r\n\r\n"
    (request,), reader = _read(head % (b"1.1", MAX_BODY + 1), GET)
    assert (request.body, request.keep_alive, reader.refusal, reader.in_body) == (None, False, None, False)
    _, reader = _read(head % (b"1.0", 5))
    assert (reader.refusal, reader.expects_continue) == (None, False)


def test_what_comes_after_a_refusal_does_not_change_it() -> None:
    _, reader = _read(b"garbage\r\n\r\n", b"x" * 100_000)
    assert reader.refusal is not None
    assert reader.refusal.status == 400


def test_a_target_with_a_host_has_a_path_as_well() -> None:
    (request,), _ = _read(b"GET http://127.0.0.1:80/healthz?n=1 HTTP/1.1\r\n\r\n")
    assert (request.path, request.query) == ("/healthz", {"n": "1"})


def test_a_body_larger_than_a_head_may_be_is_no_head() -> None:
    large = b"POST / HTTP/1.1\r\ncontent-length: 100000\r\n\r\n" + b"x" * 100_000
    reader = RequestReader(200_000)
    (request,) = reader.feed(large)
    assert request.body == b"x" * 100_000
    assert len(reader.feed(GET)) == 1
    assert reader.refusal is None


@pytest.mark.parametrize("wanted", [b"expect: 100-continue\r\n", b"x: " + b"y" * 70_000 + b"\r\n"])
def test_a_wish_for_another_protocol_behind_a_head_that_is_refused_takes_nothing_along(wanted: bytes) -> None:
    wish = b"POST /u HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\n%bcontent-length: 99999999\r\n\r\n"
    requests, reader = _read(GET + wish % wanted)
    assert requests[0].path == "/v1/models"
    assert len(requests) == 1 + (reader.refusal is None)
