"""Thai prompts from templates: every kind of copy, thousands of distinct texts, drawn from one stream."""

from __future__ import annotations

import re
from random import Random

from harness.errors import ConfigError, nearest
from harness.workload.prompts_th import TABLES, TEMPLATES

_SLOT = re.compile(r"\{(\w+)\}")


class PromptBook:
    """Writes prompts with draws from `rng`."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def write(self, kind: str) -> str:
        """A prompt for that kind of copy. Raises ConfigError for an unknown kind."""
        if kind not in TEMPLATES:
            known = list(TEMPLATES)
            hint = nearest(kind, known)
            raise ConfigError(f"unknown kind of copy {kind!r}{hint}: expected one of {', '.join(known)}")
        template = self._pick(TEMPLATES[kind])
        return _SLOT.sub(lambda slot: self._pick(TABLES[slot[1]]), template)

    def _pick(self, options: tuple[str, ...]) -> str:
        return options[int(self._rng.random() * len(options))]
