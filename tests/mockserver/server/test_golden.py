"""Replies and streams against golden payloads: the same keys at every depth, types, literals and order.

What may differ stands in a table with its reason; a rule that no longer applies fails as well.
"""

from itertools import groupby
from typing import Any

import pytest

from tests.mockserver.server.asking import ANTHROPIC_KEY, OPENAI_KEY, chat, count, message, models
from tests.mockserver.server.events import Event
from tests.mockserver.server.golden_files import golden_events, golden_json
from tests.mockserver.server.running import Mock
from tests.mockserver.server.shapes import differences

_NO_SHUTDOWN = "optional, and newer than the models listed here: none has an announced end"
_CACHE = "newer than this example: as recorded in 2026, and in the SDK's Usage"
_DETAILS = "as in a whole completion, whose documented example has them"
_TIER = "newer than this example: in the schema of the chunk, and as in the whole completion"
_GEO = "optional: this server has no regions"
_BY_TTL = "optional: this server caches nothing, for any time"
_CATALOGUE = "newer than this example: in the SDK's ModelInfo"

# Golden payload -> difference -> why it may be.
ALLOWED: dict[str, dict[str, str]] = {
    "openai-completion": {},
    "openai-stream": {"+ service_tier": _TIER},
    "openai-stream-usage": {
        "+ service_tier": _TIER,
        "+ usage.prompt_tokens_details": _DETAILS,
        "+ usage.completion_tokens_details": _DETAILS,
    },
    "openai-models": {"- data[].shutdown_date": _NO_SHUTDOWN},
    "openai-model": {"- shutdown_date": _NO_SHUTDOWN},
    "anthropic-message": {
        "+ usage.cache_creation_input_tokens": _CACHE,
        "+ usage.cache_read_input_tokens": _CACHE,
        "+ usage.service_tier": _CACHE,
    },
    "anthropic-message-recorded": {"- usage.cache_creation": _BY_TTL, "- usage.inference_geo": _GEO},
    "anthropic-stream": {
        "+ message.usage.cache_creation_input_tokens": _CACHE,
        "+ message.usage.cache_read_input_tokens": _CACHE,
        "+ message.usage.service_tier": _CACHE,
    },
    "anthropic-stream-recorded": {
        "- message.usage.cache_creation": _BY_TTL,
        "- message.usage.inference_geo": _GEO,
        "- usage.input_tokens": "optional: the documented example has the output tokens only",
        "- usage.cache_creation_input_tokens": "optional: as the input tokens",
        "- usage.cache_read_input_tokens": "optional: as the input tokens",
    },
    "anthropic-stream-error": {"+ request_id": "newer than this example: as in every other error envelope"},
    "anthropic-count": {},
    "anthropic-models": {
        f"+ data[].{key}": _CATALOGUE
        for key in ("lifecycle", "line", "max_tokens", "deprecated_at", "retires_at")
    },
}


def _kind(event: Event) -> object:
    """What an event is: by its name, or where it has none by what its chunk carries."""
    if event.document is None or event.name is not None:
        return event.name
    if not event.document["choices"]:
        return "usage"
    (choice,) = event.document["choices"]
    return (*choice["delta"], choice["finish_reason"])


def _runs(events: list[Event]) -> list[tuple[object, list[Event]]]:
    """Events of one kind behind each other, put together."""
    return [(kind, list(run)) for kind, run in groupby(events, _kind)]


def _stream_differences(golden: list[Event], ours: list[Event]) -> set[str]:
    """Differences in shape of each event from its golden one; that their order is the same is asserted."""
    wanted, got = _runs(golden), _runs(ours)
    assert [kind for kind, _ in got] == [kind for kind, _ in wanted]
    pairs = [(run[0], event) for (_, run), (_, events) in zip(wanted, got, strict=True) for event in events]
    return {line for one, other in pairs for line in differences(one.document, other.document)}


def _of_choice(events: list[Event], index: int) -> list[Event]:
    """The stream of one choice, as if it were the only one."""
    kept = []
    for event in events:
        document = event.document
        if document is not None and document["choices"]:
            (choice,) = document["choices"]
            if choice["index"] != index:
                continue
            document = document | {"choices": [choice | {"index": 0}]}
        kept.append(Event(event.name, document))
    return kept


def _assert_like(name: str, found: set[str]) -> None:
    assert found == set(ALLOWED[name])


@pytest.mark.parametrize("choices", [1, 2])
def test_a_chat_completion_is_as_documented(mock: Mock, choices: int) -> None:
    answer = chat(mock, n=choices)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    document = answer.document
    assert [choice["index"] for choice in document["choices"]] == list(range(choices))
    document["choices"] = [choice | {"index": 0} for choice in document["choices"]]
    _assert_like("openai-completion", differences(golden_json("openai-completion"), document))
    assert document["id"].startswith("chatcmpl-")
    assert document["system_fingerprint"].startswith("fp_")


def test_a_cut_completion_differs_only_in_its_finish_reason(mock: Mock) -> None:
    document = chat(mock, max_tokens=2).document
    found = differences(golden_json("openai-completion"), document)
    _assert_like("openai-completion", found - {"= choices[].finish_reason: stop/length"})
    assert document["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("choices", [1, 2])
@pytest.mark.parametrize(
    ("name", "options"),
    [("openai-stream", {}), ("openai-stream-usage", {"stream_options": {"include_usage": True}})],
)
def test_a_stream_of_chunks_is_as_documented(
    mock: Mock, name: str, options: dict[str, Any], choices: int
) -> None:
    answer = chat(mock, n=choices, stream=True, **options)
    assert answer.headers["content-type"].startswith("text/event-stream")
    for index in range(choices):
        ours = _of_choice(answer.events, index)
        _assert_like(name, _stream_differences(golden_events(name), ours))


def test_every_chunk_has_the_same_id_and_the_same_second(mock: Mock) -> None:
    documents = [event.document for event in chat(mock, stream=True).events if event.document is not None]
    assert len({(document["id"], document["created"], document["model"]) for document in documents}) == 1


def test_the_models_are_listed_as_openai_does(mock: Mock) -> None:
    listed = models(mock, OPENAI_KEY).document
    _assert_like("openai-models", differences(golden_json("openai-models"), listed))
    one = models(mock, OPENAI_KEY, "gpt-4.1").document
    _assert_like("openai-model", differences(golden_json("openai-model"), one))


@pytest.mark.parametrize("name", ["anthropic-message", "anthropic-message-recorded"])
def test_a_message_is_as_documented(mock: Mock, name: str) -> None:
    answer = message(mock)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    _assert_like(name, differences(golden_json(name), answer.document))
    assert answer.document["id"].startswith("msg_")


def test_a_cut_message_differs_only_in_its_stop_reason(mock: Mock) -> None:
    found = differences(golden_json("anthropic-message"), message(mock, max_tokens=2).document)
    assert found - set(ALLOWED["anthropic-message"]) == {"= stop_reason: end_turn/max_tokens"}


@pytest.mark.parametrize("name", ["anthropic-stream", "anthropic-stream-recorded"])
def test_a_stream_of_named_events_is_as_documented(mock: Mock, name: str) -> None:
    answer = message(mock, stream=True)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert all(event.document is not None and event.document["type"] == event.name for event in answer.events)
    _assert_like(name, _stream_differences(golden_events(name), answer.events))


def test_an_error_in_a_stream_is_a_named_event_as_documented(mock: Mock) -> None:
    answer = message(mock, {"x-mock-fault": "stream_error; after_events=2"}, stream=True)
    name = "anthropic-stream-error"
    _assert_like(name, _stream_differences(golden_events(name), answer.events[-1:]))


def test_counted_tokens_are_as_documented(mock: Mock) -> None:
    _assert_like("anthropic-count", differences(golden_json("anthropic-count"), count(mock).document))


def test_the_models_are_listed_as_anthropic_does(mock: Mock) -> None:
    listed = models(mock, ANTHROPIC_KEY).document
    _assert_like("anthropic-models", differences(golden_json("anthropic-models"), listed))
    assert (listed["first_id"], listed["last_id"]) == (listed["data"][0]["id"], listed["data"][-1]["id"])
    assert models(mock, ANTHROPIC_KEY, listed["first_id"]).document == listed["data"][0]
    # "More recently released models are listed first."
    dates = [model["created_at"] for model in listed["data"]]
    assert dates == sorted(dates, reverse=True)


def test_every_allowed_difference_has_its_reason() -> None:
    assert all(reason for rules in ALLOWED.values() for reason in rules.values())


@pytest.mark.parametrize(
    ("ours", "found"),
    [
        ({"a": {"type": "x", "n": 2}, "b": [{"c": "other"}]}, set()),
        ({"a": {"type": "x"}, "b": [{"c": ""}]}, {"- a.n"}),
        ({"a": {"type": "y", "n": 1}, "b": [{"c": ""}]}, {"= a.type: x/y"}),
        ({"a": {"type": "x", "n": 1.0}, "b": [{"c": ""}]}, {"~ a.n: integer/number"}),
        ({"a": {"type": "x", "n": True}, "b": [{"c": ""}]}, {"~ a.n: integer/boolean"}),
        ({"a": {"type": "x", "n": 1}, "b": [{"c": ""}, {"c": None}]}, {"~ b[].c: string/null"}),
        ({"a": {"type": "x", "n": 1}, "b": [{"c": "", "d": 1}]}, {"+ b[].d"}),
        ({"a": {"type": "x", "n": 1}, "b": []}, {"~ b: 1/0 items"}),
    ],
)
def test_no_difference_in_shape_escapes(ours: dict[str, Any], found: set[str]) -> None:
    assert differences({"a": {"type": "x", "n": 1}, "b": [{"c": ""}]}, ours) == found
