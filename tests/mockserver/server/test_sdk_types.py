"""Every reply is read by the types of the official SDKs, strictly: no unknown key, none missing or wrong."""

import json
from typing import Any

import pytest
from anthropic.pagination import SyncPage as AnthropicPage
from anthropic.types import (
    Message,
    MessageTokensCount,
    ModelInfo,
    RawContentBlockDeltaEvent,
    RawContentBlockStartEvent,
    RawContentBlockStopEvent,
    RawMessageDeltaEvent,
    RawMessageStartEvent,
    RawMessageStopEvent,
    RawMessageStreamEvent,
)
from anthropic.types.shared import ErrorResponse
from openai.pagination import SyncPage as OpenAIPage
from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.shared import ErrorObject
from pydantic import ValidationError

from tests.mockserver.server.asking import ANTHROPIC_KEY, OPENAI_KEY, Answered, chat, count, message, models
from tests.mockserver.server.running import Mock
from tests.mockserver.server.strictly import read_strictly

USAGE = {"stream_options": {"include_usage": True}}
NO_USAGE: dict[str, Any] = {}
# Statuses of errors, and what else may be told about them.
_ERRORS = [f"status={status}" for status in (400, 401, 403, 404, 408, 409, 418, 422, 500, 502, 503, 504, 529)]
_CODES = ["insufficient_quota", "credit_balance_exhausted", "slow_down", "rate_limit_exceeded"]
FAULTS = [*_ERRORS, "status=429", *(f"status=429; code={code}" for code in _CODES)]


def _openai_error(answer: Answered) -> ErrorObject:
    """The error of an envelope that holds nothing else."""
    document = answer.document
    assert document.keys() == {"error"}
    error = read_strictly(ErrorObject, json.dumps(document["error"]))
    assert isinstance(error, ErrorObject)
    return error


def _chunks(answer: Answered) -> list[ChatCompletionChunk]:
    assert answer.status == 200
    documents = [event.document for event in answer.events]
    assert documents[-1] is None
    return [read_strictly(ChatCompletionChunk, json.dumps(document)) for document in documents[:-1]]


@pytest.mark.parametrize("tokens", [5, 99])
@pytest.mark.parametrize("choices", [1, 2])
def test_a_chat_completion_is_one_of_the_sdk(mock: Mock, choices: int, tokens: int) -> None:
    completion = read_strictly(ChatCompletion, chat(mock, _tokens(tokens), n=choices).body)
    assert [choice.index for choice in completion.choices] == list(range(choices))
    assert {choice.finish_reason for choice in completion.choices} == {"stop" if tokens == 5 else "length"}
    assert completion.usage.completion_tokens == choices * min(tokens, 50)


@pytest.mark.parametrize("tokens", [1, 5, 99])
@pytest.mark.parametrize("options", [NO_USAGE, USAGE], ids=["no usage", "usage"])
@pytest.mark.parametrize("choices", [1, 2])
def test_every_chunk_is_one_of_the_sdk(
    mock: Mock, choices: int, options: dict[str, Any], tokens: int
) -> None:
    chunks = _chunks(chat(mock, _tokens(tokens), n=choices, stream=True, **options))
    told = chunks.pop() if options else None
    assert len(chunks) == choices * (min(tokens, 50) + 2)
    assert all(len(chunk.choices) == 1 for chunk in chunks)
    assert {chunk.choices[0].index for chunk in chunks} == set(range(choices))
    reasons = [chunk.choices[0].finish_reason for chunk in chunks]
    assert set(reasons[:-choices]) == {None}
    assert set(reasons[-choices:]) == {"length" if tokens == 99 else "stop"}
    # Present with the usage asked for, and null but for the last one.
    assert {"usage" in chunk.model_fields_set for chunk in chunks} == {bool(options)}
    assert {chunk.usage for chunk in chunks} == {None}
    if told is not None:
        assert told.choices == []
        assert told.usage is not None
        assert told.usage.completion_tokens == choices * min(tokens, 50)


def test_the_models_of_openai_are_those_of_the_sdk(mock: Mock) -> None:
    page = read_strictly(OpenAIPage[Model], models(mock, OPENAI_KEY).body)
    assert page.object == "list"
    for model in page.data:
        assert read_strictly(Model, models(mock, OPENAI_KEY, model.id).body) == model


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("stream", [False, True])
def test_every_error_of_openai_is_one_of_the_sdk(mock: Mock, fault: str, *, stream: bool) -> None:
    answer = chat(mock, {"x-mock-fault": f"status; {fault}"}, stream=stream)
    assert answer.headers["content-type"] == "application/json"
    _openai_error(answer)


@pytest.mark.parametrize(
    "limits", [{"rpm": 1}, {"tpm": 54}, {"itpm": 3}, {"otpm": 50}, {"quota_tokens": 5}, {"tpm": 1}]
)
def test_every_refusal_of_openai_is_one_of_the_sdk(mock: Mock, limits: dict[str, int]) -> None:
    mock.play(limits=limits)
    chat(mock, max_tokens=50)
    answer = chat(mock, max_tokens=50)
    assert answer.status == 429
    assert _openai_error(answer).code in {"rate_limit_exceeded", "insufficient_quota"}


@pytest.mark.parametrize("status", [429, 503])
def test_every_overload_is_an_error_of_both_sdks(mock: Mock, status: int) -> None:
    mock.play(capacity={"slots": 1, "background": [["20:00", 1.0]], "overload_status": status})
    _openai_error(chat(mock))
    read_strictly(ErrorResponse, message(mock).body)


@pytest.mark.parametrize(
    "fields", [{"messages": []}, {"model": ""}, {"n": 0}, {"temperature": 3}, {"n": "1"}]
)
def test_what_openai_does_not_understand_is_an_error_of_the_sdk(mock: Mock, fields: dict[str, Any]) -> None:
    answer = chat(mock, **fields)
    assert (answer.status, _openai_error(answer).type) == (400, "invalid_request_error")


def test_an_error_in_a_stream_of_openai_is_one_of_the_sdk(mock: Mock) -> None:
    answer = chat(mock, {"x-mock-fault": "stream_error; after_events=2"}, stream=True)
    *chunks, last = answer.events
    for chunk in chunks:
        read_strictly(ChatCompletionChunk, json.dumps(chunk.document))
    assert last.document is not None
    assert last.document.keys() == {"error"}
    read_strictly(ErrorObject, json.dumps(last.document["error"]))


@pytest.mark.parametrize("tokens", [5, 99])
def test_a_message_is_one_of_the_sdk(mock: Mock, tokens: int) -> None:
    whole = read_strictly(Message, message(mock, _tokens(tokens)).body)
    assert whole.stop_reason == ("end_turn" if tokens == 5 else "max_tokens")
    assert [block.type for block in whole.content] == ["text"]


@pytest.mark.parametrize("tokens", [1, 5, 99])
def test_every_event_of_a_message_is_one_of_the_sdk(mock: Mock, tokens: int) -> None:
    events = message(mock, _tokens(tokens), stream=True).events
    # A ping is no type of the SDK: it keeps pings to itself.
    pings = [event.document for event in events if event.name == "ping"]
    assert pings == [{"type": "ping"}]
    read = [
        read_strictly(RawMessageStreamEvent, json.dumps(event.document))
        for event in events
        if event.name != "ping"
    ]
    assert [type(event) for event in read] == [
        RawMessageStartEvent,
        RawContentBlockStartEvent,
        *[RawContentBlockDeltaEvent] * min(tokens, 50),
        RawContentBlockStopEvent,
        RawMessageDeltaEvent,
        RawMessageStopEvent,
    ]


def test_counted_tokens_are_those_of_the_sdk(mock: Mock) -> None:
    assert read_strictly(MessageTokensCount, count(mock).body).input_tokens == 3


def test_the_models_of_anthropic_are_those_of_the_sdk(mock: Mock) -> None:
    page = read_strictly(AnthropicPage[ModelInfo], models(mock, ANTHROPIC_KEY).body)
    assert page.has_more is False
    for model in page.data:
        assert read_strictly(ModelInfo, models(mock, ANTHROPIC_KEY, model.id).body) == model


@pytest.mark.parametrize("fault", [*FAULTS, "status=402"])
@pytest.mark.parametrize("stream", [False, True])
def test_every_error_of_anthropic_is_one_of_the_sdk(mock: Mock, fault: str, *, stream: bool) -> None:
    answer = message(mock, {"x-mock-fault": f"status; {fault}"}, stream=stream)
    assert answer.headers["content-type"] == "application/json"
    assert read_strictly(ErrorResponse, answer.body).request_id == answer.headers["request-id"]


def test_too_large_a_request_is_documented_but_no_type_of_the_sdk(mock: Mock) -> None:
    # https://platform.claude.com/docs/en/api/errors has it; it comes from in front of the API.
    answer = message(mock, {"x-mock-fault": "status; status=413"})
    assert answer.document["error"]["type"] == "request_too_large"
    with pytest.raises(ValidationError, match="request_too_large"):
        read_strictly(ErrorResponse, answer.body)


@pytest.mark.parametrize("limits", [{"rpm": 1}, {"tpm": 54}, {"itpm": 3}, {"otpm": 50}, {"tpm": 1}])
def test_every_refusal_of_anthropic_is_one_of_the_sdk(mock: Mock, limits: dict[str, int]) -> None:
    mock.play(limits=limits)
    message(mock)
    answer = message(mock)
    assert answer.status == 429
    assert read_strictly(ErrorResponse, answer.body).error.type == "rate_limit_error"


@pytest.mark.parametrize("fields", [{"messages": []}, {"max_tokens": 0}, {"model": 3}, {"stream": "yes"}])
def test_what_anthropic_does_not_understand_is_an_error_of_the_sdk(
    mock: Mock, fields: dict[str, Any]
) -> None:
    answer = message(mock, **fields)
    assert answer.status == 400
    assert read_strictly(ErrorResponse, answer.body).error.type == "invalid_request_error"


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "kind"),
    [
        ("POST", "/v1/messages", {}, 401, "authentication_error"),
        ("POST", "/v1/messages", {"x-api-key": "k"}, 400, "invalid_request_error"),
        ("POST", "/v1/messages/batches", ANTHROPIC_KEY, 404, "not_found_error"),
        ("GET", "/v1/messages", ANTHROPIC_KEY, 405, "invalid_request_error"),
        ("GET", "/v1/models/claude-9", ANTHROPIC_KEY, 404, "not_found_error"),
    ],
)
def test_what_never_reaches_a_model_is_an_error_of_the_sdk(
    mock: Mock, method: str, path: str, headers: dict[str, str], status: int, kind: str
) -> None:
    answer = Answered(*mock.request(method, path, b"{}" if method == "POST" else None, headers))
    assert answer.status == status
    assert read_strictly(ErrorResponse, answer.body).error.type == kind


def test_an_error_in_a_stream_of_anthropic_is_one_of_the_sdk(mock: Mock) -> None:
    answer = message(mock, {"x-mock-fault": "stream_error; after_events=2"}, stream=True)
    last = answer.events[-1]
    assert last.name == "error"
    assert read_strictly(ErrorResponse, json.dumps(last.document)).error.type == "overloaded_error"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"type":"message_stop","more":1}', "more"),
        ('{"type":"content_block_stop","index":"0"}', "index"),
        ('{"type":"content_block_stop"}', "index"),
        ('{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"","a":1}}', "delta.a"),
    ],
)
def test_the_reading_is_as_strict_as_it_says(body: str, words: str) -> None:
    with pytest.raises((ValidationError, AssertionError), match=words):
        read_strictly(RawMessageStreamEvent, body)


def _tokens(number: int) -> dict[str, str]:
    return {"x-primetime-tokens": str(number)}
