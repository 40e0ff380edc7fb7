"""Conversations, in both providers' formats."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from harness import (
    CallError,
    Fatal,
    Message,
    Outcome,
    Overloaded,
    Reply,
    ResilientClient,
    StoppedBy,
    Throttled,
    Transient,
    Usage,
)
from tests.harness.client.rig import (
    KEY,
    Api,
    attempts_of,
    call_of,
    caught,
    completion,
    message,
    play,
    refusal,
)

TURNS = [
    Message("system", "สั้น ๆ"),
    Message("user", "ขอชื่อร้าน"),
    Message("assistant", "บ้านชา"),
    Message("user", "อีกชื่อ"),
]
AS_DICTS = [{"role": turn.role, "content": turn.content} for turn in TURNS]
MIXED = [TURNS[0], AS_DICTS[1], TURNS[2], AS_DICTS[3]]


@pytest.mark.parametrize("messages", [TURNS, AS_DICTS, MIXED, tuple(TURNS)])
def test_a_conversation_is_sent_as_it_is(messages: Sequence[Any]) -> None:
    api = Api(completion("บ้านกาแฟ"))

    async def scenario(client: ResilientClient) -> None:
        reply = await client.chat(messages, "small", 50)
        assert reply == Reply("บ้านกาแฟ", "gpt-4.1-2025-04-14", "stop", Usage(57, 129), "req_ok")

    call = call_of(play(scenario, handler=api))
    assert (call.outcome, call.model, call.usage) == (Outcome.OK, "small", Usage(57, 129))
    assert api.bodies == [{"model": "small", "messages": AS_DICTS, "max_tokens": 50}]


def test_further_fields_go_with_the_body() -> None:
    api = Api(completion())

    async def scenario(client: ResilientClient) -> None:
        await client.chat(TURNS[1:2], "m", 5, temperature=0.0, extra={"top_p": 0.9, "stop": ["\n"]})

    play(scenario, handler=api)
    assert api.bodies == [
        {
            "model": "m",
            "messages": AS_DICTS[1:2],
            "max_tokens": 5,
            "temperature": 0.0,
            "top_p": 0.9,
            "stop": ["\n"],
        }
    ]


def test_anthropic_is_asked_in_its_own_format() -> None:
    api = Api(message("บ้านกาแฟ"))

    async def scenario(client: ResilientClient) -> None:
        reply = await client.chat(MIXED, "claude-sonnet-4-5", 50, temperature=1, extra={"top_k": 5})
        assert reply == Reply("บ้านกาแฟ", "claude-sonnet-4-5-20250929", "end_turn", Usage(31, 17), "req_msg")

    play(scenario, handler=api, wire="anthropic")
    (sent,) = api.requests
    assert (sent.method, str(sent.url)) == ("POST", "http://api.test/v1/messages")
    assert sent.headers["x-api-key"] == KEY
    assert sent.headers["anthropic-version"] == "2023-06-01"
    assert sent.headers["content-type"] == "application/json"
    assert "authorization" not in sent.headers
    assert json.loads(sent.content) == {
        "model": "claude-sonnet-4-5",
        "system": "สั้น ๆ",
        "messages": AS_DICTS[1:],
        "max_tokens": 50,
        "temperature": 1,
        "top_k": 5,
    }


def test_copy_is_written_by_anthropic_too() -> None:
    api = Api(message("ชาเย็น"))

    async def scenario(client: ResilientClient) -> None:
        assert (await client.generate_copy("เขียน", "claude", 9, system="ก")).text == "ชาเย็น"
        results = await client.batch_generate(["a", "b"], "claude")
        assert [r.text for r in results if isinstance(r, Reply)] == ["ชาเย็น", "ชาเย็น"]

    play(scenario, handler=api, wire="anthropic")
    first = api.bodies[0]
    assert (first["system"], first["messages"]) == ("ก", [{"role": "user", "content": "เขียน"}])


@pytest.mark.parametrize(
    ("wire", "given", "asked", "expected"),
    [
        ("openai", None, None, "gpt-4.1"),
        ("openai", "mine", None, "mine"),
        ("openai", "mine", "other", "other"),
        ("anthropic", None, None, "claude"),
        ("anthropic", "mine", None, "mine"),
    ],
)
def test_the_model_is_the_call_s_the_client_s_or_the_provider_s(
    wire: str, given: str | None, asked: str | None, expected: str
) -> None:
    api = Api(message() if wire == "anthropic" else completion())

    async def scenario(client: ResilientClient) -> None:
        await client.generate_copy("a", asked)
        await client.chat(TURNS[1:2], asked)
        await client.batch_generate(["a"], asked)

    play(scenario, handler=api, wire=wire, model=given)
    assert [body["model"].startswith(expected) for body in api.bodies] == [True] * 3


def _of_anthropic(status: int, kind: str, headers: dict[str, str]) -> httpx.Response:
    body = {"type": "error", "error": {"type": kind, "message": "later"}, "request_id": "req_body"}
    return httpx.Response(status, json=body, headers=headers)


@pytest.mark.parametrize(
    ("wire", "answer", "kind", "code", "request_id", "attempts"),
    [
        (
            "openai",
            refusal(429, "rate_limit_exceeded", headers={"retry-after-ms": "1500"}),
            Throttled,
            "rate_limit_exceeded",
            "req_429",
            3,
        ),
        (
            "openai",
            refusal(503, "overloaded", headers={"retry-after": "1.5"}),
            Overloaded,
            "overloaded",
            "req_503",
            3,
        ),
        (
            "openai",
            refusal(500, "server_error", headers={"retry-after": "1.5"}),
            Transient,
            "server_error",
            "req_500",
            3,
        ),
        (
            "openai",
            refusal(401, "invalid_api_key", headers={"retry-after": "1.5"}),
            Fatal,
            "invalid_api_key",
            "req_401",
            1,
        ),
        (
            "openai",
            refusal(429, "insufficient_quota", headers={"retry-after": "1.5"}),
            Fatal,
            "insufficient_quota",
            "req_429",
            1,
        ),
        (
            "anthropic",
            _of_anthropic(429, "rate_limit_error", {"retry-after": "1.5", "request-id": "req_h"}),
            Throttled,
            "rate_limit_error",
            "req_h",
            3,
        ),
        (
            "anthropic",
            _of_anthropic(529, "overloaded_error", {"retry-after": "1.5"}),
            Overloaded,
            "overloaded_error",
            "req_body",
            3,
        ),
        (
            "anthropic",
            _of_anthropic(500, "api_error", {"retry-after": "1.5"}),
            Transient,
            "api_error",
            "req_body",
            3,
        ),
        (
            "anthropic",
            _of_anthropic(401, "authentication_error", {"retry-after": "1.5"}),
            Fatal,
            "authentication_error",
            "req_body",
            1,
        ),
    ],
)
def test_errors_of_both_providers_carry_what_they_said(
    wire: str, answer: httpx.Response, kind: type[CallError], code: str, request_id: str, attempts: int
) -> None:
    error, events = caught(handler=Api(answer), wire=wire)
    assert type(error) is kind
    assert (error.status, error.code, error.request_id) == (answer.status_code, code, request_id)
    assert (error.retry_after_s, error.attempts, error.text) == (1.5, attempts, "")
    assert error.outcome == attempts_of(events)[-1].outcome == call_of(events).outcome


def test_anthropic_s_used_up_credit_is_fatal_and_never_repeated() -> None:
    said = {"type": "invalid_request_error", "message": "Your credit balance is too low to access the API."}
    error, events = caught(
        handler=Api(httpx.Response(400, json={"type": "error", "error": said})), wire="anthropic"
    )
    assert (type(error), error.status, error.attempts) == (Fatal, 400, 1)
    assert (attempts_of(events)[0].fault, call_of(events).stopped_by) == ("quota", StoppedBy.FATAL)
