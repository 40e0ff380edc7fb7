"""What cannot work is refused with a typed error that says what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from math import inf, nan
from typing import Any, get_args, get_type_hints

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import (
    CallError,
    ConfigError,
    Fatal,
    Malformed,
    Message,
    Outcome,
    Overloaded,
    Policy,
    RequestError,
    ResilientClient,
    SyncClient,
    Transient,
)
from harness.policy import config
from tests.harness.client.rig import BASE, KEY, ONCE, Api, caught, completion, play, refusal

#: Section -> its class; the policy's own fields have none.
SECTIONS = {
    "": config.Policy,
    "retry": config.RetryConfig,
    "budget": config.BudgetConfig,
    "breaker": config.BreakerConfig,
    "concurrency": config.ConcurrencyConfig,
    "rate": config.RateConfig,
    "fallback": config.FallbackConfig,
    "admission": config.AdmissionConfig,
    "connections": config.ConnectionsConfig,
}


def numeric_fields() -> Iterable[tuple[str, str]]:
    for section, kind in SECTIONS.items():
        hints = get_type_hints(kind)
        for one in fields(kind):
            if {int, float} & {hints[one.name], *get_args(hints[one.name])}:
                yield section, one.name


NUMERIC = tuple(numeric_fields())


def test_the_numbers_of_a_policy_are_all_found() -> None:
    # 4 times; retry 5, budget 3, breaker 9, concurrency 5, rate 4, fallback 1, admission 1, connections 4.
    assert len(NUMERIC) == 4 + 5 + 3 + 9 + 5 + 4 + 1 + 1 + 4


@pytest.mark.parametrize(("section", "name"), NUMERIC)
@given(
    value=st.one_of(
        st.floats(max_value=-1e-300), st.integers(max_value=-1), st.sampled_from([nan, inf, -inf])
    )
)
def test_no_limit_is_negative_infinite_or_no_number(section: str, name: str, value: float) -> None:
    full_name = f"{section}.{name}" if section else name
    with pytest.raises(ConfigError) as error:
        SECTIONS[section](**{name: value})
    said = str(error.value)
    assert said.startswith(f"{full_name} = {value!r}: expected "), said


@pytest.mark.parametrize("kind", ["ratio", "counter", "off"])
@pytest.mark.parametrize("name", [name for section, name in NUMERIC if section == "breaker"])
def test_no_kind_of_breaker_takes_a_negative_number(kind: Any, name: str) -> None:
    with pytest.raises(ConfigError, match=f"breaker.{name} = -1: expected "):
        config.BreakerConfig(kind=kind, **{name: -1})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        (config.RetryConfig, {"attempts": 0}, "retry.attempts = 0: expected at least 1"),
        (config.RetryConfig, {"jitter": "half"}, "retry.jitter = 'half': expected one of 'full', 'none'"),
        (config.RetryConfig, {"min_s": 5.0, "cap_s": 1.0}, "retry.cap_s = 1.0: expected at least 5"),
        (
            config.BreakerConfig,
            {"kind": "of"},
            "breaker.kind = 'of': expected one of 'ratio', 'counter', 'off'",
        ),
        (config.ConcurrencyConfig, {"limit": 0}, "concurrency.limit = 0: expected at least 1"),
        (
            config.ConnectionsConfig,
            {"pool": "curl"},
            "connections.pool = 'curl': expected one of 'aiohttp', 'httpx'",
        ),
        (config.RateConfig, {"rpm": 0}, "rate.rpm = 0: expected at least 1"),
        (config.FallbackConfig, {"model": " "}, "fallback.model = ' ': expected the name of a model"),
        (config.RetryConfig, {"attempts": "3"}, "retry.attempts = '3': expected a whole number"),
        (Policy, {"deadline_s": 0}, "deadline_s = 0: expected more than 0"),
        (Policy, {"deadline_s": "30"}, "deadline_s = '30': expected a number, or None"),
        (Policy, {"retry": {}}, "retry = {}: expected an instance of RetryConfig"),
    ],
)
def test_a_setting_says_what_it_expects(kind: Any, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        kind(**changes)
    assert str(error.value) == said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"policy": "tunde"}, "unknown policy preset 'tunde', did you mean 'tuned'?"),
        ({"wire": "openapi"}, "unknown wire format 'openapi', did you mean 'openai'?"),
        ({"wire": None}, "wire"),
        ({"base_url": "api.test/v1"}, "base_url = 'api.test/v1': expected an address such as https://"),
        ({"base_url": "//api.test/v1"}, "base_url"),
        ({"base_url": "http://api.test/v1\n"}, "base_url"),
        ({"base_url": " http://api.test/v1"}, "base_url"),
        ({"base_url": "http://api test/v1"}, "base_url"),
        ({"base_url": "http://api.test/v1?version=2"}, "base_url"),
        ({"base_url": "http://api.test/v1#here"}, "base_url"),
        ({"base_url": 5}, "base_url"),
        ({"base_url": b"http://api.test/v1"}, "base_url"),
        ({"api_key": 5}, "api_key"),
        ({"api_key": b"sk-test"}, "api_key"),
        ({"policy": None}, "policy"),
        ({"policy": {"retry": 3}}, "policy"),
        ({"fallback": "http://other.test/v1"}, "fallback"),
        ({"base_url": ""}, "base_url = '': expected an address"),
        ({"model": " "}, "model = ' ': expected the name of a model"),
        ({"transport": object()}, "expected a transport of harness.transport"),
        ({"listeners": [1]}, "listeners = 1: expected functions that take an event"),
        ({"listeners": print}, "expected a list of functions that take an event"),
    ],
)
def test_a_client_that_cannot_work_is_not_made(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        ResilientClient(**{"base_url": BASE, "api_key": KEY, **options})
    assert said in str(error.value)
    assert KEY not in str(error.value)


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "messages = (): expected at least one message"),
        ("a prompt", "messages = 'a prompt': expected a list of messages"),
        ({"role": "user", "content": "a"}, "expected a list of messages"),
        (None, "messages"),
        (5, "messages"),
        (["a"], "messages[0] = 'a': expected a Message or"),
        ([None], "messages[0] = None: expected a Message or"),
        ([{"role": "user"}], "messages[0]"),
        ([{"role": "user", "content": "a", "name": "x"}], "messages[0]"),
        ([{"role": "user", "content": 5}], "messages[0]"),
        (
            [{"role": "robot", "content": "a"}],
            "messages[0].role = 'robot': expected system, user or assistant",
        ),
        ([Message("user", "")], "prompt is empty: expected text to send"),
        ([Message("user", "a"), Message("user", " ")], "messages[1].content = ' ': expected text to send"),
        ([Message("user", 5)], "messages[0].content = 5: expected text"),  # type: ignore[arg-type]
        ([Message(None, "a")], "messages[0].role = None"),  # type: ignore[arg-type]
        ([Message("user", "\ud800")], "prompt is not text that can be sent"),
    ],
)
def test_a_conversation_that_makes_no_sense_is_refused(messages: Any, said: str) -> None:
    async def scenario(client: ResilientClient) -> None:
        with pytest.raises(RequestError) as error:
            await client.chat(messages)
        assert said in str(error.value)
        with pytest.raises(RequestError):
            await client.stream(messages if messages != "a prompt" else "").__aenter__()

    assert play(scenario, ONCE, Api(completion())) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"prompt": ""}, "prompt is empty: expected text to send"),
        ({"prompt": 5}, "prompt = 5: expected text to send"),
        ({"prompt": None}, "prompt = None: expected text to send"),
        ({"prompt": b"a"}, "prompt = b'a': expected text to send"),
        ({"model": ""}, "model = '': expected the name of a model"),
        ({"max_tokens": 0}, "max_tokens = 0: expected at least 1"),
        ({"max_tokens": -5}, "max_tokens = -5: expected at least 1"),
        ({"max_tokens": "9"}, "max_tokens = '9': expected at least 1"),
        ({"max_tokens": 1.5}, "max_tokens = 1.5: expected at least 1"),
        ({"max_tokens": True}, "max_tokens = True: expected at least 1"),
        ({"temperature": -0.1}, "temperature = -0.1: expected a number from 0 to 2"),
        ({"temperature": nan}, "temperature = nan: expected a number from 0 to 2"),
        ({"temperature": "hot"}, "temperature = 'hot': expected a number from 0 to 2"),
        ({"system": 5}, "messages[0].content = 5: expected text"),
        ({"priority": "high"}, "priority = 'high'"),
        ({"priority": None}, "priority = None"),
    ],
)
def test_copy_that_makes_no_sense_is_refused(changes: dict[str, Any], said: str) -> None:
    async def scenario(client: ResilientClient) -> None:
        with pytest.raises(RequestError) as error:
            await client.generate_copy(**{"prompt": "a", **changes})
        assert said in str(error.value)

    assert play(scenario, ONCE, Api(completion())) == []


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"stream": True}, "extra['stream']: expected a field that the request does not set itself"),
        ({"model": "x"}, "extra['model']"),
        ({5: 1}, "extra[5]"),
        ({"top_p": nan}, "extra['top_p'] is a float: expected a value that JSON can hold"),
        ({"stop": {"a"}}, "extra['stop'] is a set: expected a value that JSON can hold"),
        ([("top_p", 1)], "extra"),
        ("top_p", "extra"),
    ],
)
def test_further_fields_that_cannot_be_sent_are_refused(extra: Any, said: str) -> None:
    async def scenario(client: ResilientClient) -> None:
        with pytest.raises(RequestError) as error:
            await client.chat([Message("user", "a")], extra=extra)
        assert said in str(error.value)

    assert play(scenario, ONCE, Api(completion())) == []


def test_a_facade_is_made_around_a_client() -> None:
    with pytest.raises(ConfigError, match="client = 'http://x': expected a ResilientClient"):
        SyncClient("http://x")  # type: ignore[arg-type]


@pytest.mark.parametrize("prompts", ["a prompt", None, 5])
def test_prompts_that_are_no_list_are_refused(prompts: Any) -> None:
    # One string is many strings to Python: each of its letters would be paid for.
    async def scenario(client: ResilientClient) -> None:
        with pytest.raises(RequestError, match="prompts"):
            async for _ in client.map(prompts):
                pass
        with pytest.raises(RequestError, match="prompts"):
            await client.batch_generate(prompts)

    assert play(scenario, ONCE, Api(completion())) == []


@pytest.mark.parametrize("at_once", ["3", None, 1.5, True])
def test_at_once_is_a_whole_number(at_once: Any) -> None:
    async def scenario(client: ResilientClient) -> None:
        if at_once is None:
            client.map(["a"], at_once=None)
            return
        with pytest.raises(RequestError, match="at_once"):
            client.map(["a"], at_once=at_once)

    play(scenario, ONCE, Api(completion()))


BIG = b"<html>" + b"x" * 10_000_000


@pytest.mark.parametrize(
    ("answer", "kind", "outcome", "said"),
    [
        (httpx.Response(200, content=b"\xff\xfe\x00"), Malformed, Outcome.MALFORMED, "not a chat completion"),
        (
            httpx.Response(500, content=b"\xff\xfe\x00"),
            Transient,
            Outcome.TRANSIENT,
            "HTTP 500: \ufffd\ufffd",
        ),
        (httpx.Response(502, content=BIG), Transient, Outcome.TRANSIENT, "HTTP 502: <html>xxx"),
        (httpx.Response(503, content=BIG), Overloaded, Outcome.OVERLOADED, "HTTP 503: <html>xxx"),
        (httpx.Response(200, content=BIG), Malformed, Outcome.MALFORMED, "not a chat completion"),
        (httpx.Response(200, json={"ok": True}), Malformed, Outcome.MALFORMED, "not a chat completion"),
        (httpx.Response(200, json=[1, 2]), Malformed, Outcome.MALFORMED, "not a chat completion"),
        (
            httpx.Response(200, json={"model": 5, "choices": 6}),
            Malformed,
            Outcome.MALFORMED,
            "not a chat completion",
        ),
        (httpx.Response(200, content=b"[" * 100_000), Malformed, Outcome.MALFORMED, "not a chat completion"),
        (httpx.Response(400, content=b"[" * 100_000), Fatal, Outcome.FATAL, "HTTP 400: [[["),
        (
            httpx.Response(301, headers={"location": "http://elsewhere.test"}),
            Fatal,
            Outcome.FATAL,
            "HTTP 301",
        ),
        (httpx.Response(204), Fatal, Outcome.FATAL, "HTTP 204"),
        (refusal(400, message=None), Fatal, Outcome.FATAL, "HTTP 400"),  # type: ignore[arg-type]
    ],
)
def test_whatever_the_server_sends_is_a_typed_error_of_bounded_length(
    answer: httpx.Response, kind: type[CallError], outcome: Outcome, said: str
) -> None:
    error, events = caught(ONCE, Api(answer))
    assert (type(error), error.outcome, error.status) == (kind, outcome, answer.status_code)
    assert said in str(error)
    assert len(str(error)) < 400
    assert sum(len(repr(event)) for event in events) < 5000


def test_a_usable_reply_of_ten_megabytes_is_one() -> None:
    async def scenario(client: ResilientClient) -> None:
        assert len((await client.generate_copy("a")).text) == 10_000_000

    play(scenario, ONCE, Api(completion("x" * 10_000_000)))


def test_a_policy_is_checked_when_it_is_changed() -> None:
    with pytest.raises(ConfigError, match="deadline_s = -1"):
        replace(ONCE, deadline_s=-1)
