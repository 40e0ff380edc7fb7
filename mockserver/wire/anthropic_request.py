"""Reading a messages request as Anthropic would: the first thing wrong is answered in its words."""

from typing import Any

import msgspec

from mockserver.errors import WireError
from mockserver.tables import shown
from mockserver.text import count_tokens, writes
from mockserver.wire.known_keys import ANTHROPIC_MESSAGES, unknown
from mockserver.wire.models import most_output_tokens
from mockserver.wire.request import ParsedRequest

_NOT_JSON = "The request body is not valid JSON."
_ROLES = ("user", "assistant")
_EMPTY = "all messages must have non-empty content except for the optional final assistant message"
_FRACTIONS = ("temperature", "top_p")
_TOOL_CHOICES = ("auto", "none")
_NO_SYSTEM_ROLE = (
    'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, '
    'not "system" as an input message role.'
)


def parse_messages(body: bytes) -> ParsedRequest:
    """The request in a body of `/v1/messages`; raises WireError (400) for the first thing wrong with it."""
    document = _document(body)
    _check_keys(document)
    model = _model(document)
    max_tokens = _max_tokens(document, model)
    characters = _characters(document)
    _check_numbers(document)
    _check_stops(document)
    _refuse_unsupported(document)
    return ParsedRequest(model, count_tokens(characters), max_tokens, stream=_stream(document))


def parse_count(body: bytes) -> ParsedRequest:
    """The request in a body of `/v1/messages/count_tokens`; raises WireError (400)."""
    document = _document(body)
    _check_keys(document)
    return ParsedRequest(_model(document), count_tokens(_characters(document)), None)


def _check_keys(document: dict[str, Any]) -> None:
    for key in unknown(document, ANTHROPIC_MESSAGES):
        raise _wrong(shown(key), "Extra inputs are not permitted")


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(400, _NOT_JSON) from error
    if not isinstance(document, dict):
        raise WireError(400, "Input should be an object")
    return document


def _model(document: dict[str, Any]) -> str:
    model = _required(document, "model", "model")
    if not isinstance(model, str):
        raise _wrong("model", "Input should be a valid string")
    if not model:
        raise _wrong("model", "String should have at least 1 character")
    if not model.isprintable():  # a lone surrogate could not even be written back
        raise _wrong("model", "String should be printable")
    return model


def _max_tokens(document: dict[str, Any], model: str) -> int:
    value = _required(document, "max_tokens", "max_tokens")
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong("max_tokens", "Input should be a valid integer")
    if value < 1:
        raise _wrong("max_tokens", "Input should be greater than or equal to 1")
    most = most_output_tokens(model)
    if value > most:
        what = f"the maximum allowed number of output tokens for {model}"
        raise _wrong("max_tokens", f"{value} > {most}, which is {what}")
    return value


def _characters(document: dict[str, Any]) -> int:
    """Characters of all text in the system prompt and the messages, checked on the way."""
    messages = _required(document, "messages", "messages")
    if not isinstance(messages, list):
        raise _wrong("messages", "Input should be a valid list")
    if not messages:
        raise _wrong("messages", "at least one message is required")
    total = _system_characters(document.get("system"))
    last = len(messages) - 1
    for index, item in enumerate(messages):
        characters = _message_characters(f"messages.{index}", item)
        if not characters and item["content"] in ("", []) and (index < last or item["role"] == "user"):
            raise _wrong(f"messages.{index}", _EMPTY)
        total += characters
    _check_prefill(messages[last])
    return total


def _check_prefill(message: dict[str, Any]) -> None:
    """What the assistant has begun to say is gone on with."""
    content = message["content"]
    if message["role"] == "assistant" and isinstance(content, str) and content != content.rstrip():
        raise WireError(400, "messages: final assistant content cannot end with trailing whitespace")


def _system_characters(system: object) -> int:
    if system is None:
        return 0
    if isinstance(system, str):
        return len(system)
    if not isinstance(system, list):
        raise _wrong("system", "Input should be a valid string or a list of text blocks")
    total = 0
    for index, block in enumerate(system):
        if not isinstance(block, dict) or block.get("type") != "text":
            raise _wrong(f"system.{index}.type", "Input should be 'text'")
        total += _text_characters(f"system.{index}", block)
    return total


def _message_characters(where: str, message: object) -> int:
    if not isinstance(message, dict):
        raise _wrong(where, "Input should be an object")
    role = _required(message, "role", f"{where}.role")
    if role == "system":
        raise WireError(400, _NO_SYSTEM_ROLE)
    if role not in _ROLES:
        raise _wrong(f"{where}.role", "Input should be 'user' or 'assistant'")
    content = _required(message, "content", f"{where}.content")
    if isinstance(content, str):
        return len(content)
    if not isinstance(content, list):
        raise _wrong(f"{where}.content", "Input should be a valid string or a list of content blocks")
    return sum(_block_characters(f"{where}.content.{index}", block) for index, block in enumerate(content))


def _block_characters(where: str, block: object) -> int:
    """Characters of a text block; blocks of other kinds hold none."""
    if not isinstance(block, dict):
        raise _wrong(where, "Input should be an object")
    kind = _required(block, "type", f"{where}.type")
    if not isinstance(kind, str):
        raise _wrong(f"{where}.type", "Input should be a valid string")
    return _text_characters(f"{where}.text", block) if kind == "text" else 0


def _text_characters(where: str, block: dict[str, Any]) -> int:
    text = _required(block, "text", f"{where}.text")
    if not isinstance(text, str):
        raise _wrong(f"{where}.text", "Input should be a valid string")
    return len(text)


def _stream(document: dict[str, Any]) -> bool:
    stream = document.get("stream")
    if stream is not None and not isinstance(stream, bool):
        raise _wrong("stream", "Input should be a valid boolean")
    return bool(stream)


def _check_numbers(document: dict[str, Any]) -> None:
    """Sampling parameters change nothing here, but the provider refuses those out of their range."""
    for name in _FRACTIONS:
        value = document.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _wrong(name, "Input should be a valid number")
        if not 0 <= value <= 1:
            raise _wrong(name, "range: 0..1")
    top_k = document.get("top_k")
    if top_k is not None and (isinstance(top_k, bool) or not isinstance(top_k, int)):
        raise _wrong("top_k", "Input should be a valid integer")


def _check_stops(document: dict[str, Any]) -> None:
    """Sequences that this server never writes may be asked for: there is nothing to stop at."""
    sequences = document.get("stop_sequences")
    if sequences is None:
        return
    if not isinstance(sequences, list):
        raise _wrong("stop_sequences", "Input should be a valid list")
    for index, item in enumerate(sequences):
        if not isinstance(item, str):
            raise _wrong(f"stop_sequences.{index}", "Input should be a valid string")
        if not item.strip():
            raise _wrong("stop_sequences", "each stop sequence must contain non-whitespace")
        if writes(item):
            raise _wrong(f"stop_sequences.{index}", "this server does write that, and would not stop")


def _refuse_unsupported(document: dict[str, Any]) -> None:
    """Refuse what would change the shape of the reply: to ignore it would be a lie."""
    thinking = document.get("thinking")
    if thinking is not None and thinking != {"type": "disabled"}:
        raise _wrong("thinking", "only {'type': 'disabled'} is supported by this server")
    output_config = document.get("output_config")
    formats = [output_config.get("format") if isinstance(output_config, dict) else None]
    if any(item is not None for item in (*formats, document.get("output_format"))):
        raise _wrong("output_config.format", "this server writes plain text only")
    tool_choice = document.get("tool_choice")
    if tool_choice is not None and not (
        isinstance(tool_choice, dict) and tool_choice.get("type") in _TOOL_CHOICES
    ):
        raise _wrong("tool_choice", "this server calls no tools: only the types auto and none are supported")


def _required(table: dict[str, Any], name: str, where: str) -> object:
    if name not in table:
        raise _wrong(where, "Field required")
    return table[name]


def _wrong(where: str, why: str) -> WireError:
    return WireError(400, f"{where}: {why}")
