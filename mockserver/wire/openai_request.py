"""Reading a chat completion request as OpenAI would: the first thing wrong is answered in its words."""

import json
from typing import Annotated, Any, Literal, get_args

import msgspec

from mockserver.errors import WireError
from mockserver.tables import shown
from mockserver.text import count_tokens, writes
from mockserver.wire.known_keys import OPENAI_CHAT, unknown
from mockserver.wire.models import most_output_tokens
from mockserver.wire.request import ParsedRequest

Role = Literal["system", "assistant", "user", "function", "tool", "developer"]
_ROLES: tuple[str, ...] = get_args(Role)
_LENGTH_FIELDS = ("max_completion_tokens", "max_tokens")
_STREAM_OPTIONS = ("include_usage", "include_obfuscation")
MAX_CHOICES = 128
MAX_STOPS = 4
# What the provider's API reference allows.
_NUMBERS: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
}
_NOT_JSON = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
    "library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
)
# What a JSON value is called in the provider's messages.
_TYPE_NAMES: dict[type, str] = {
    str: "a string",
    int: "an integer",
    float: "a decimal",
    bool: "a boolean",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


class _UsualMessage(msgspec.Struct, forbid_unknown_fields=True):
    role: Role
    content: str


class _Usual(msgspec.Struct, forbid_unknown_fields=True):
    """What nearly every request is; there is nothing wrong with one that fits."""

    model: Annotated[str, msgspec.Meta(min_length=1)]
    messages: Annotated[list[_UsualMessage], msgspec.Meta(min_length=1)]
    max_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None


_usual = msgspec.json.Decoder(_Usual)


def parse_chat(body: bytes) -> ParsedRequest:
    """The request in a body; raises WireError (400) for the first thing wrong with it."""
    return _as_usual(body) or _parse_any(body)


def _as_usual(body: bytes) -> ParsedRequest | None:
    """A usual request, read at a third of the cost; None for any other, which may have something wrong."""
    try:
        found = _usual.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    most = found.max_tokens
    if not found.model.isprintable() or (most is not None and most > most_output_tokens(found.model)):
        return None
    characters = sum([len(message.content) for message in found.messages])
    return ParsedRequest(found.model, count_tokens(characters), most)


def _parse_any(body: bytes) -> ParsedRequest:
    document = _document(body)
    _check_keys(document)
    model = _model(document)
    characters = _characters(document)
    max_tokens = _max_tokens(document, model)
    choices = _choices(document)
    _check_numbers(document)
    _check_stop(document)
    _refuse_unsupported(document)
    stream = _flag(document, "stream", "stream")
    usage = _usage(document, stream=stream)
    return ParsedRequest(model, count_tokens(characters), max_tokens, stream, usage, choices)


def _check_keys(document: dict[str, Any]) -> None:
    extra = unknown(document, OPENAI_CHAT)
    if extra:
        arguments = "arguments" if len(extra) > 1 else "argument"
        raise WireError(400, f"Unrecognized request {arguments} supplied: {shown(', '.join(extra))}")


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(400, _NOT_JSON) from error
    if not isinstance(document, dict):
        raise WireError(400, _NOT_JSON)
    return document


def _model(document: dict[str, Any]) -> str:
    model = document.get("model")
    if model is None or model == "":
        raise WireError(400, "you must provide a model parameter")
    if not isinstance(model, str):
        raise _wrong_type("model", "a string", model)
    if not model.isprintable():  # a lone surrogate could not even be written back
        raise WireError(400, "invalid model ID", param="model", code="invalid_value")
    return model


def _characters(document: dict[str, Any]) -> int:
    """Characters of all text in the messages, checked on the way."""
    if "messages" not in document:
        raise _missing("messages")
    messages = document["messages"]
    if not isinstance(messages, list):
        raise _wrong_type("messages", "an array of objects", messages)
    if not messages:
        raise WireError(
            400,
            "Invalid 'messages': empty array. Expected an array with minimum length 1, "
            "but got an empty array instead.",
            param="messages",
            code="empty_array",
        )
    return sum(_message_characters(f"messages[{index}]", message) for index, message in enumerate(messages))


def _message_characters(where: str, message: object) -> int:
    if not isinstance(message, dict):
        raise _wrong_type(where, "an object", message)
    role = message.get("role")
    if role is None:
        raise _missing(f"{where}.role")
    if not isinstance(role, str) or role not in _ROLES:
        supported = ", ".join(f"'{name}'" for name in _ROLES[:-1])
        raise WireError(
            400,
            f"Invalid value: {json.dumps(role)}. Supported values are: {supported}, and '{_ROLES[-1]}'.",
            param=f"{where}.role",
            code="invalid_value",
        )
    return _content_characters(f"{where}.content", role, message.get("content"))


def _content_characters(where: str, role: str, content: object) -> int:
    """Characters of a string, of the text parts of a list, or of the null beside a tool call."""
    if isinstance(content, str):
        return len(content)
    if content is None and role == "assistant":
        return 0
    if not isinstance(content, list):
        raise _wrong_type(where, "a string or an array of objects", content)
    total = 0
    for index, part in enumerate(content):
        if not isinstance(part, dict):
            raise _wrong_type(f"{where}[{index}]", "an object", part)
        text = part.get("text")
        if part.get("type") == "text":
            if not isinstance(text, str):
                raise _wrong_type(f"{where}[{index}].text", "a string", text)
            total += len(text)
    return total


def _max_tokens(document: dict[str, Any], model: str) -> int | None:
    given = [name for name in _LENGTH_FIELDS if document.get(name) is not None]
    if len(given) > 1:
        raise WireError(
            400,
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            code="invalid_parameter_combination",
        )
    if not given:
        return None
    name, value = given[0], document[given[0]]
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type(name, "an integer", value)
    if value < 1:
        raise WireError(
            400,
            f"Invalid '{name}': integer below minimum value. Expected a value >= 1, but got {value} instead.",
            param=name,
            code="integer_below_min_value",
        )
    most = most_output_tokens(model)
    if value > most:
        raise WireError(
            400,
            f"{name} is too large: {value}. This model supports at most {most} "
            f"completion tokens, whereas you provided {value}.",
            param=name,
            code="invalid_value",
        )
    return value


def _choices(document: dict[str, Any]) -> int:
    value = document.get("n")
    if value is None:
        return 1
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type("n", "an integer", value)
    if not 1 <= value <= MAX_CHOICES:
        side, bound, code = (
            ("below minimum", ">= 1", "integer_below_min_value")
            if value < 1
            else ("above maximum", f"<= {MAX_CHOICES}", "integer_above_max_value")
        )
        message = f"Invalid 'n': integer {side} value. Expected a value {bound}, but got {value} instead."
        raise WireError(400, message, param="n", code=code)
    return value


def _check_numbers(document: dict[str, Any]) -> None:
    """Sampling parameters change nothing here, but a provider refuses those out of their range."""
    for name, (low, high) in _NUMBERS.items():
        value = document.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _wrong_type(name, "a decimal", value)
        if not low <= value <= high:
            side, sign, bound, code = (
                ("below minimum", ">=", low, "decimal_below_min_value")
                if value < low
                else ("above maximum", "<=", high, "decimal_above_max_value")
            )
            expected = f"Expected a value {sign} {bound:g}, but got {value} instead."
            raise WireError(400, f"Invalid '{name}': decimal {side} value. {expected}", param=name, code=code)


def _check_stop(document: dict[str, Any]) -> None:
    """Sequences that this server never writes may be asked for: there is nothing to stop at."""
    value = document.get("stop")
    if value is None:
        return
    sequences = [value] if isinstance(value, str) else value
    if not isinstance(sequences, list) or not all(isinstance(item, str) for item in sequences):
        raise _wrong_type("stop", "a string or an array of strings", value)
    if len(sequences) > MAX_STOPS:
        expected = f"Expected an array with maximum length {MAX_STOPS}"
        message = f"Invalid 'stop': array too long. {expected}, but got one of {len(sequences)} instead."
        raise WireError(400, message, param="stop", code="array_above_max_length")
    if any(item and writes(item) for item in sequences):
        raise _unsupported("stop", "this server does write that, and would not stop")


def _refuse_unsupported(document: dict[str, Any]) -> None:
    """Refuse what would change the shape of the reply: to ignore it would be a lie."""
    if document.get("logprobs"):
        raise _unsupported("logprobs", "this server has no probabilities to tell")
    for name in ("tool_choice", "function_call"):
        if document.get(name) not in (None, "none", "auto"):
            raise _unsupported(name, "this server calls no tools: 'none' and 'auto' are supported")
    if document.get("modalities") not in (None, ["text"]):
        raise _unsupported("modalities", "this server writes text only")
    response_format = document.get("response_format")
    if response_format not in (None, {"type": "text"}):
        raise _unsupported("response_format", "this server writes plain text only")


def _usage(document: dict[str, Any], *, stream: bool) -> bool:
    """Whether a stream is to end with its usage."""
    options = document.get("stream_options")
    if options is None:
        return False
    if not stream:
        raise WireError(
            400,
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options",
        )
    if not isinstance(options, dict):
        raise _wrong_type("stream_options", "an object", options)
    for name in options:
        if name not in _STREAM_OPTIONS:
            where = f"stream_options.{name}"
            raise WireError(400, f"Unknown parameter: {where!r}.", param=where, code="unknown_parameter")
    if _flag(options, "include_obfuscation", "stream_options.include_obfuscation"):
        raise _unsupported("stream_options.include_obfuscation", "this server pads no events")
    return _flag(options, "include_usage", "stream_options.include_usage")


def _flag(table: dict[str, Any], name: str, where: str) -> bool:
    value = table.get(name)
    if value is not None and not isinstance(value, bool):
        raise _wrong_type(where, "a boolean", value)
    return bool(value)


def _unsupported(param: str, why: str) -> WireError:
    return WireError(400, f"Unsupported value: '{param}': {why}.", param=param, code="unsupported_value")


def _missing(param: str) -> WireError:
    message = f"Missing required parameter: '{param}'."
    return WireError(400, message, param=param, code="missing_required_parameter")


def _wrong_type(where: str, expected: str, value: object) -> WireError:
    return WireError(
        400,
        f"Invalid type for '{where}': expected {expected}, but got {_TYPE_NAMES[type(value)]} instead.",
        param=where,
        code="invalid_type",
    )
