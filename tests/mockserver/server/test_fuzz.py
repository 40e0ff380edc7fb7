"""Requests that are nearly right, on every path: each has an answer, and none an answer nobody asked for."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockserver.rules import REFUSING, SPOILING
from tests.mockserver.server.fuzzing import Fuzzed
from tests.mockserver.server.running import start

CHAT, MESSAGES, COUNT = "/v1/chat/completions", "/v1/messages", "/v1/messages/count_tokens"
ADMIN = ("/admin/profile", "/admin/clock", "/admin/reset", "/admin/stats", "/admin/requests", "/healthz")

KEY = {"authorization": "Bearer k", "anthropic-version": "2023-06-01"}

QUICK = settings(max_examples=600, deadline=None, derandomize=True, database=None)
LONG = settings(
    max_examples=15_000,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)

# Any text, lone surrogates among it, and what is text to a program only.
_TEXT = st.text(st.characters(), max_size=20) | st.sampled_from(
    ["", "\x00", "\ud800", "\udfff\ud800", "กขค", "💥" * 50, "a" * 5_000, "NaN", "null", "user", "system"]
)
# Stands for a number of more digits than Python writes or reads.
_HUGE = "<huge>"
_NUMBER = (
    st.integers()
    | st.floats()
    | st.sampled_from([0, -1, 2**31, 2**63, 2**64, -(2**64), 10**30, 10**400, _HUGE, 1e308, 5e-324])
)
_SCALAR = st.none() | st.booleans() | _NUMBER | _TEXT
_JSON = st.recursive(
    _SCALAR,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)


def _optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def _record(
    required: dict[str, st.SearchStrategy[Any]], **fields: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=fields)


_WORDS = st.sampled_from(["hello", "สวัสดี", "x" * 300, "a\nb", "😀"])
_MODELS = st.sampled_from(["gpt-4.1", "gpt-4o-mini", "claude-sonnet-4-5", "m", "โมเดล"])
_TOKENS = st.integers(1, 400)
_PART = st.fixed_dictionaries({"type": st.just("text"), "text": _WORDS})
_IMAGE = st.just({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}})
_TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
_OPENAI_MESSAGE = _record(
    {
        "role": st.sampled_from(["system", "user", "assistant", "developer"]),
        "content": _WORDS | st.lists(_PART | _IMAGE, min_size=1, max_size=3),
    },
    name=st.just("n"),
)
_OPENAI = _record(
    {"model": _MODELS, "messages": st.lists(_OPENAI_MESSAGE, min_size=1, max_size=4)},
    max_tokens=_TOKENS,
    max_completion_tokens=_TOKENS,
    stream=st.booleans(),
    stream_options=_optional(include_usage=st.booleans()),
    n=st.integers(1, 3),
    temperature=st.floats(0, 2),
    stop=st.lists(_WORDS, max_size=4) | _WORDS,
    tools=st.just([_TOOL]),
    response_format=st.just({"type": "text"}),
    user=_WORDS,
    metadata=st.dictionaries(_WORDS, _WORDS, max_size=2),
)
_ANTHROPIC_MESSAGE = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant"]),
        "content": _WORDS | st.lists(_PART, min_size=1, max_size=3),
    }
)
_ANTHROPIC = _record(
    {
        "model": _MODELS,
        "max_tokens": _TOKENS,
        "messages": st.lists(_ANTHROPIC_MESSAGE, min_size=1, max_size=4),
    },
    stream=st.booleans(),
    system=_WORDS | st.lists(_PART, max_size=2),
    temperature=st.floats(0, 1),
    stop_sequences=st.lists(_WORDS, max_size=3),
    thinking=st.just({"type": "disabled"}),
    metadata=st.just({"user_id": "u"}),
)
_VALID = {CHAT: _OPENAI, MESSAGES: _ANTHROPIC, COUNT: _ANTHROPIC}


def _spots(document: object) -> list[tuple[object, ...]]:
    """The paths to everything in a document, its whole first."""
    inner: list[tuple[object, ...]] = [()]
    if isinstance(document, dict):
        inner += [(key, *spot) for key, value in document.items() for spot in _spots(value)]
    elif isinstance(document, list):
        inner += [(index, *spot) for index, value in enumerate(document) for spot in _spots(value)]
    return inner


def _replaced(document: Any, spot: tuple[object, ...], value: object) -> Any:
    """A copy with another value at a spot."""
    if not spot:
        return value
    copy = document.copy()
    copy[spot[0]] = _replaced(document[spot[0]], spot[1:], value)
    return copy


@st.composite
def _nearly(draw: st.DrawFn, valid: st.SearchStrategy[dict[str, Any]]) -> bytes:
    """A valid request of which something is not: a value, a key too many, a depth, a byte."""
    document = draw(valid)
    for _ in range(draw(st.integers(0, 2))):
        spot = draw(st.sampled_from(_spots(document)))
        document = _replaced(document, spot, draw(_JSON))
    if isinstance(document, dict) and draw(st.integers(0, 3)) == 0:
        document = document | {draw(_TEXT): draw(_JSON)}
    body = _encoded(document)
    match draw(st.sampled_from(["whole", "whole", "whole", "cut", "byte", "deep", "other"])):
        case "cut":
            return body[: draw(st.integers(0, len(body)))]
        case "byte":
            at = draw(st.integers(0, len(body)))
            return body[:at] + draw(st.binary(min_size=1, max_size=3)) + body[at + 1 :]
        case "deep":
            depth = draw(st.sampled_from([10, 900, 1_100, 50_000]))
            return body[:-1] + b',"deep":' + b"[" * depth + b"]" * depth + b"}"
        case "other":
            return draw(st.binary(max_size=40) | _JSON.map(_encoded))
    return body


def _encoded(document: object) -> bytes:
    """As JSON; lone surrogates are escaped, and NaN is written as Python does it."""
    return json.dumps(document).encode().replace(json.dumps(_HUGE).encode(), b"1" + b"0" * 5_000)


# Any header text that can be sent at all: no control characters, nothing beyond latin-1.
_HEADER_TEXT = st.text(
    st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=30
) | st.sampled_from(["0", "1", "-1", "2", "1e3", "9" * 30, "9" * 5_000, "", " ", "null", "\xa0", "²"])
# Keys of the header `x-mock-fault`, some of them right.
_FAULT_KEYS = (
    *("status=418", "status=99", "status=600", "status=x", "=", ""),
    *("retry_after_s=-1", "retry_after_s=1e9", "retry_after=soon", "should_retry=maybe"),
    *("first=0", "every=0", "probability=2", "window=08:00-09:00", "call=9-1"),
    *("after_events=0", "delay_ms=1", "length_off=0", "bytes_per_s=0"),
)
_FAULT = st.lists(
    st.sampled_from([*sorted(REFUSING | SPOILING), *_FAULT_KEYS]) | _HEADER_TEXT, min_size=1, max_size=3
).map("; ".join)
_HEADERS = _optional(
    **{
        "authorization": st.sampled_from(["Bearer k", "bearer  k", "Bearer", "Basic eDp5", ""])
        | _HEADER_TEXT,
        "x-api-key": st.just("k") | _HEADER_TEXT,
        "anthropic-version": st.just("2023-06-01") | _HEADER_TEXT,
        "content-type": st.sampled_from(["application/json", "text/plain", "multipart/form-data"]),
        "x-primetime-call": st.just("7") | _HEADER_TEXT,
        "x-primetime-attempt": st.just("2") | _HEADER_TEXT,
        "x-primetime-tokens": st.just("300") | _HEADER_TEXT,
        "accept-encoding": _HEADER_TEXT,
        "x-mock-fault": _FAULT,
    }
)
_METHODS = st.sampled_from(["POST"] * 12 + ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
_QUERIES = st.sampled_from(
    ["", "", "", "?", "?n=1", "?n=-1", "?n=%00", "?a=b&a=c", "?%ff=%ed%a0%80", "?=&&="]
)


def _request(method: str, target: str, headers: dict[str, str], body: bytes) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"{method} {target} HTTP/1.1\r\nhost: x\r\n{lines}content-length: {len(body)}\r\n\r\n"
    return head.encode("latin-1") + body


@st.composite
def _requests(draw: st.DrawFn) -> tuple[bytes, str | None]:
    """A request, and the fault that its header asks for, if any."""
    path = draw(st.sampled_from([CHAT, CHAT, MESSAGES, MESSAGES, COUNT]))
    body = draw(_nearly(_VALID[path]))
    headers = draw(_HEADERS) if draw(st.booleans()) else dict(KEY)
    fault = headers.get("x-mock-fault")
    asked = None if fault is None else fault.partition(";")[0].strip()
    if asked in (REFUSING | SPOILING) - {"status", "stream_error"}:
        # What then happens to the connection is the subject of other tests.
        del headers["x-mock-fault"]
        asked = None
    return _request(draw(_METHODS), path + draw(_QUERIES), headers, body), asked


@st.composite
def _strange_paths(draw: st.DrawFn) -> bytes:
    """Any request to any target at all."""
    visible = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60)
    path = draw(
        st.sampled_from(
            ["/", "//", "*", "/v1", "/v1/models/", "/v1/models/gpt-4.1", "/%2e%2e/%00", "/v1/%ff"]
        )
        | visible.map(lambda text: f"/{text}")
        # As a proxy is asked.
        | st.sampled_from(["x", "[::1]", "[", "[x]", "x]", "x:y", "@", ""]).map(
            lambda host: f"http://{host}/"
        )
    )
    return _request(draw(_METHODS), path, KEY, draw(st.binary(max_size=20)))


@st.composite
def _admin(draw: st.DrawFn) -> bytes:
    """An order to the admin interface that is nearly right, but never a profile that is right."""
    path = draw(st.sampled_from(ADMIN))
    table = st.dictionaries(
        st.sampled_from(["seed", "window", "duration_s", "elapsed_s", "name", "limits", "ttft", "capacity"])
        | _TEXT,
        _JSON,
        max_size=3,
    )
    body = draw(table.map(_encoded) | _JSON.map(_encoded) | st.binary(max_size=20))
    method = draw(st.sampled_from(["POST", "PUT", "GET"] if path != "/admin/profile" else ["POST", "GET"]))
    return _request(method, path + draw(_QUERIES), draw(_HEADERS), body)


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[Fuzzed]:
    server = Fuzzed(start("--profile", "instant"))
    yield server
    server.stop()


_VALUE = b"@@"
_NEARLY = {
    CHAT: b'{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":@@}',
    MESSAGES: b'{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":@@}',
    COUNT: b'{"model":"m","messages":[{"role":"user","content":@@}]}',
    "/admin/clock": b'{"seed":@@}',
    "/admin/reset": b'{"seed":@@}',
    "/admin/profile": b'{"name":@@}',
}
# Each is refused wherever it stands: no JSON, or not what is expected there.
_NASTY = {
    "deep arrays": b"[" * 50_000 + b"]" * 50_000,
    "deep objects": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "deep without end": b"[" * 100_000,
    "huge integer": b"1" + b"0" * 5_000,
    "huge negative": b"-1" + b"0" * 5_000,
    "beyond a double": b"1e400",
    "fraction": b"0.5",
    "nan": b"NaN",
    "infinity": b"-Infinity",
    "null": b"null",
    "object": b"{}",
    "lone surrogate": b'["\\ud800"]',
    "surrogates in the wrong order": b'["\\udc00\\ud800"]',
    "surrogate in utf-8": b'["\xed\xa0\x80"]',
    "no utf-8": b'["\xff\xfe"]',
    "control character": b'["\x00"]',
    "byte order mark": b"\xef\xbb\xbf1",
    "nothing": b"",
    "same key twice": b'{"a":1,"a":2}',
}


def _holds(fuzzed: Fuzzed, request: bytes, asked: str | None) -> None:
    answer = fuzzed.ask(request)
    if asked not in {"status", "stream_error"}:
        assert answer.status < HTTPStatus.INTERNAL_SERVER_ERROR, answer
    if answer.headers.get("content-type") == "application/json":
        document = answer.document
        assert ("error" in document) == (answer.status >= HTTPStatus.BAD_REQUEST), answer
    else:
        assert answer.body.endswith(b"\n\n"), answer
    fuzzed.is_well()


@QUICK
@given(_requests())
def test_a_request_that_is_nearly_right_has_an_answer(
    fuzzed: Fuzzed, asked: tuple[bytes, str | None]
) -> None:
    _holds(fuzzed, *asked)


@QUICK
@given(_strange_paths())
def test_a_path_that_nobody_knows_has_an_answer(fuzzed: Fuzzed, request_bytes: bytes) -> None:
    _holds(fuzzed, request_bytes, None)


@QUICK
@given(_admin())
def test_an_order_that_is_nearly_right_has_an_answer(fuzzed: Fuzzed, request_bytes: bytes) -> None:
    _holds(fuzzed, request_bytes, None)


@pytest.mark.parametrize("name", _NASTY)
@pytest.mark.parametrize("path", _NEARLY)
def test_a_value_that_cannot_be_is_refused(fuzzed: Fuzzed, path: str, name: str) -> None:
    body = _NEARLY[path].replace(_VALUE, _NASTY[name])
    method = "PUT" if path == "/admin/profile" else "POST"
    answer = fuzzed.ask(_request(method, path, KEY, body))
    if name == "null" and path == CHAT:
        assert answer.status == HTTPStatus.OK  # as if it were not there
    else:
        assert answer.status == HTTPStatus.BAD_REQUEST, answer
        assert "error" in answer.document
    fuzzed.is_well()


@pytest.mark.parametrize("path", [CHAT, MESSAGES, COUNT])
def test_a_request_that_is_right_is_served(fuzzed: Fuzzed, path: str) -> None:
    """So that it is not the schema here that is wrong."""

    @settings(QUICK, max_examples=60)
    @given(_VALID[path])
    def right(document: dict[str, Any]) -> None:
        if "max_tokens" in document and "max_completion_tokens" in document:
            del document["max_completion_tokens"]
        if not document.get("stream"):
            document.pop("stream_options", None)
        answer = fuzzed.ask(_request("POST", path, KEY, json.dumps(document).encode()))
        assert answer.status == HTTPStatus.OK, answer

    right()


@pytest.mark.slow
@pytest.mark.timeout(900)
@LONG
@given(_requests())
def test_many_requests_that_are_nearly_right_have_answers(
    fuzzed: Fuzzed, asked: tuple[bytes, str | None]
) -> None:
    _holds(fuzzed, *asked)


@pytest.mark.slow
@pytest.mark.timeout(900)
@LONG
@given(_admin())
def test_many_orders_that_are_nearly_right_have_answers(fuzzed: Fuzzed, request_bytes: bytes) -> None:
    _holds(fuzzed, request_bytes, None)
