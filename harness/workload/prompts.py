"""Thai prompts from templates: every kind of copy, thousands of distinct texts, drawn from one stream."""

from __future__ import annotations

import re
from collections.abc import Callable

from harness.errors import ConfigError, nearest
from harness.rng import Uniform
from harness.workload.prompts_th import TABLES, TEMPLATES

_SLOT = re.compile(r"\{(\w+)\}")


class _Template:
    """A template cut at its slots: text, then a table and the text after it, again and again."""

    __slots__ = ("_head", "_slots")

    def __init__(self, text: str) -> None:
        self._head, *rest = _SLOT.split(text)
        self._slots = [(TABLES[name], after) for name, after in zip(rest[::2], rest[1::2], strict=True)]

    def fill(self, random: Callable[[], float]) -> str:
        """The text with a draw in every slot."""
        parts = [self._head]
        for table, after in self._slots:
            parts += (table[int(random() * len(table))], after)
        return "".join(parts)


_TEMPLATES = {kind: tuple(map(_Template, texts)) for kind, texts in TEMPLATES.items()}


class PromptBook:
    """Writes prompts with draws from `rng`."""

    def __init__(self, rng: Uniform) -> None:
        self._random = rng.random

    def write(self, kind: str) -> str:
        """A prompt for that kind of copy. Raises ConfigError for an unknown kind."""
        templates = _TEMPLATES.get(kind)
        if templates is None:
            known = list(TEMPLATES)
            hint = nearest(kind, known)
            raise ConfigError(f"unknown kind of copy {kind!r}{hint}: expected one of {', '.join(known)}")
        return templates[int(self._random() * len(templates))].fill(self._random)
