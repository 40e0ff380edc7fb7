"""The rate limits that a reply's headers tell."""

from __future__ import annotations

from collections.abc import Mapping

from harness.model import Level, Levels

#: Digits of the largest number taken: it fits a column of 64 bits.
_MAX_DIGITS = 18

_NONE = Levels()


def levels(headers: Mapping[str, str]) -> Levels | None:
    """Limits a minute and what is left of them, by OpenAI's or Anthropic's names; None where none is told.

    A level counts only if both of its numbers are whole and not negative, and its limit is not 0.
    """
    # https://platform.openai.com/docs/guides/rate-limits, https://docs.claude.com/en/api/rate-limits
    requests = _level(headers, "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests")
    tokens = _level(headers, "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens")
    if requests or tokens:
        return Levels(requests, tokens)
    found = Levels(
        _anthropics(headers, "requests"),
        _anthropics(headers, "tokens"),
        _anthropics(headers, "input-tokens"),
        _anthropics(headers, "output-tokens"),
    )
    return None if found == _NONE else found


def _anthropics(headers: Mapping[str, str], kind: str) -> Level | None:
    name = f"anthropic-ratelimit-{kind}"
    return _level(headers, f"{name}-limit", f"{name}-remaining")


def _level(headers: Mapping[str, str], limit_name: str, remaining_name: str) -> Level | None:
    text = headers.get(limit_name)
    if text is None:
        return None
    limit, remaining = _count(text), _count(headers.get(remaining_name, ""))
    return Level(limit, remaining) if limit and remaining is not None else None


def _count(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None
