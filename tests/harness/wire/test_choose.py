"""Which wire format is meant."""

import re

import pytest

from harness.errors import ConfigError
from harness.wire.anthropic import ANTHROPIC
from harness.wire.base import Wire
from harness.wire.choose import wire_for_path, wire_named
from harness.wire.opaque import OPAQUE
from harness.wire.openai import OPENAI


def test_formats_by_name() -> None:
    assert wire_named("openai") is OPENAI
    assert wire_named("anthropic") is ANTHROPIC


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "antropic",
            "unknown wire format 'antropic', did you mean 'anthropic'?: expected one of openai, anthropic",
        ),
        ("OpenAI", "unknown wire format 'OpenAI', did you mean 'openai'?: expected one of openai, anthropic"),
        ("soap", "unknown wire format 'soap': expected one of openai, anthropic"),
        ("opaque", "unknown wire format 'opaque': expected one of openai, anthropic"),
        ("", "unknown wire format '': expected one of openai, anthropic"),
    ],
)
def test_an_unknown_name_is_told_the_nearest(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        wire_named(name)


@pytest.mark.parametrize(
    ("path", "wire"),
    [
        ("/v1/chat/completions", OPENAI),
        ("/chat/completions", OPENAI),
        ("/openai/deployments/x/chat/completions?api-version=2024-10-21", OPENAI),
        ("/v1/chat/completions/", OPENAI),
        ("/v1/messages", ANTHROPIC),
        ("/v1/messages?beta=true", ANTHROPIC),
        ("/v1/messages/count_tokens", OPAQUE),
        ("/v1/messages/batches", OPAQUE),
        ("/v1/threads/thread_1/messages", OPAQUE),
        ("/v1/embeddings", OPAQUE),
        ("/v1/completions", OPAQUE),
        ("/v1/responses", OPAQUE),
        ("/v1/chat/completions/chatcmpl-1", OPAQUE),
        ("/v1/x?next=/messages", OPAQUE),
        ("/v1/mymessages", OPAQUE),
        ("", OPAQUE),
        ("/", OPAQUE),
    ],
)
def test_formats_by_path(path: str, wire: Wire) -> None:
    assert wire_for_path(path) is wire
