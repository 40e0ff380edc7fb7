"""What the benchmark of the mock server asks for, and what every server in it answers: 150 tokens in Thai."""

import http.client
import json
from typing import Any

from mockserver.text import thai_copy, token_text

TOKENS = 150
PATH = "/v1/chat/completions"

_TEXT = thai_copy(TOKENS)
_HEAD: dict[str, Any] = {
    "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
    "created": 1741569952,
    "model": "gpt-4.1",
    "service_tier": "default",
    "system_fingerprint": "fp_a7daf7c51e",
}


class WrongReplyError(Exception):
    """A server does not answer as it should: its figures would mean nothing."""


def document(*, stream: bool) -> dict[str, Any]:
    """The body of the request."""
    asked = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 300}
    return asked | ({"stream": True} if stream else {})


def request(*, stream: bool, extra: bytes = b"") -> bytes:
    """The request as bytes; `extra` are header lines, each of which ends in CRLF."""
    body = json.dumps(document(stream=stream)).encode()
    return (
        b"POST %b HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer sk-benchmark\r\n"
        b"content-type: application/json\r\nx-primetime-tokens: %d\r\n%bcontent-length: %d\r\n\r\n%b"
    ) % (PATH.encode(), TOKENS, extra, len(body), body)


def completion() -> dict[str, Any]:
    """A whole reply."""
    message = {"role": "assistant", "content": _TEXT, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": TOKENS, "total_tokens": TOKENS + 3}
    return _HEAD | {"object": "chat.completion", "choices": [choice], "usage": usage}


def events() -> list[bytes]:
    """A stream: the role, one event a token, the reason of its end, and that it is over."""
    deltas = [{"role": "assistant", "content": ""}]
    deltas += [{"content": token_text(_TEXT, index)} for index in range(TOKENS)]
    chunks = [_chunk(delta, None) for delta in deltas]
    return [*chunks, _chunk({}, "stop"), b"data: [DONE]\n\n"]


def check(name: str, port: int, *, stream: bool) -> None:
    """Ask once and read the answer; raises WrongReplyError."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"authorization": "Bearer sk-benchmark", "content-type": "application/json"}
    headers["x-primetime-tokens"] = str(TOKENS)
    try:
        connection.request("POST", PATH, json.dumps(document(stream=stream)), headers)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise WrongReplyError(f"{name}: no reply: {error}") from error
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        raise WrongReplyError(f"{name}: status {response.status}, expected 200: {body[:200]!r}")
    try:
        texts = _deltas(body) if stream else [json.loads(body)["choices"][0]["message"]["content"]]
    except (ValueError, LookupError, TypeError) as error:
        raise WrongReplyError(f"{name}: not the reply of the API: {body[:200]!r}") from error
    wanted = (TOKENS if stream else 1, len(_TEXT))
    found = (len(texts), len("".join(texts)))
    if found != wanted:
        what = "events and characters"
        raise WrongReplyError(
            f"{name}: {found[0]} and {found[1]} {what}, expected {wanted[0]} and {wanted[1]}"
        )


def _chunk(delta: dict[str, str], finish_reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    chunk = _HEAD | {"object": "chat.completion.chunk", "choices": [choice]}
    return b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def _deltas(body: bytes) -> list[str]:
    """The texts of the content events of a stream that ends as it should."""
    lines = [line[6:] for line in body.decode().split("\n") if line.startswith("data: ")]
    if lines.pop() != "[DONE]":
        raise ValueError("the stream does not end with [DONE]")
    deltas = [json.loads(line)["choices"][0]["delta"] for line in lines]
    return [delta["content"] for delta in deltas if delta.get("content")]
