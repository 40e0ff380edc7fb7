"""The models each API lists. A generation is served under any name: the list is for those who look first."""

import re
from typing import Any

import msgspec

from mockserver.errors import WireError
from mockserver.wire.answer import Answer

# As OpenAI lists them, with the second each was made and the most tokens it writes:
# https://platform.openai.com/docs/api-reference/models, https://platform.openai.com/docs/models
_OPENAI: dict[str, tuple[int, int]] = {
    "gpt-4.1": (1_744_316_542, 32_768),
    "gpt-4.1-mini": (1_744_318_173, 32_768),
    "gpt-4o": (1_715_367_049, 16_384),
    "gpt-4o-mini": (1_721_172_741, 16_384),
}

# As Anthropic lists them, newest first, with the most tokens each writes:
# https://docs.anthropic.com/en/api/models-list, https://docs.anthropic.com/en/docs/about-claude/models
_ANTHROPIC: dict[str, tuple[str, str, int]] = {
    "claude-haiku-4-5": ("Claude Haiku 4.5", "2025-10-15T00:00:00Z", 64_000),
    "claude-sonnet-4-5": ("Claude Sonnet 4.5", "2025-09-29T00:00:00Z", 64_000),
    "claude-opus-4-1": ("Claude Opus 4.1", "2025-08-05T00:00:00Z", 32_000),
}

# What the largest models of today may be asked to write.
_LARGEST = 128_000

# The date behind the name of one version of a model.
_DATE = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2})$")


def most_output_tokens(model: str) -> int:
    """What may be asked of a model; those that are not listed are taken for the largest."""
    name = _DATE.sub("", model)
    if name in _OPENAI:
        return _OPENAI[name][1]
    return _ANTHROPIC[name][2] if name in _ANTHROPIC else _LARGEST


def openai_models() -> Answer:
    """OpenAI's list."""
    return _answer({"object": "list", "data": [_openai(name) for name in _OPENAI]})


def openai_model(name: str) -> Answer:
    """One of OpenAI's; raises WireError (404) for any other."""
    if name not in _OPENAI:
        raise WireError(404, f"The model '{name}' does not exist", param="model", code="model_not_found")
    return _answer(_openai(name))


def anthropic_models() -> Answer:
    """Anthropic's list, in one page."""
    names = list(_ANTHROPIC)
    page = {"data": [_anthropic(name) for name in names], "has_more": False}
    return _answer(page | {"first_id": names[0], "last_id": names[-1]})


def anthropic_model(name: str) -> Answer:
    """One of Anthropic's; raises WireError (404) for any other."""
    if name not in _ANTHROPIC:
        raise WireError(404, f"model: {name}")
    return _answer(_anthropic(name))


def _openai(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _OPENAI[name][0], "owned_by": "system"}


def _anthropic(name: str) -> dict[str, Any]:
    display_name, created_at, most = _ANTHROPIC[name]
    return {
        "type": "model",
        "id": name,
        "display_name": display_name,
        "created_at": created_at,
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
        "line": name.split("-")[1],
        "max_tokens": most,
    }


def _answer(document: dict[str, Any]) -> Answer:
    return Answer(200, msgspec.json.encode(document))
