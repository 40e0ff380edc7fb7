"""What is said of a run, and on what evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["problem", "note", "good"]

#: In the order they are told.
SEVERITIES: tuple[Severity, ...] = ("problem", "good", "note")


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence, by a stated rule. `key` names what was found, `evidence` are the figures behind it."""

    key: str
    text: str
    evidence: tuple[str, ...]
    severity: Severity

    def document(self) -> dict[str, Any]:
        """The finding as `summary.json` holds it."""
        return {
            "key": self.key,
            "severity": self.severity,
            "text": self.text,
            "evidence": list(self.evidence),
        }


def recalled(documents: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """The findings that a summary holds."""
    return [Finding(d["key"], d["text"], tuple(d["evidence"]), d["severity"]) for d in documents]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A finding, and the share of calls it concerns: of two problems the heavier one is told first."""

    finding: Finding
    weight: float


def problem(key: str, text: str, evidence: list[str], weight: float) -> Drawn:
    """Something that cost calls, time or trust."""
    return Drawn(Finding(key, text, tuple(evidence), "problem"), weight)


def note(key: str, text: str, evidence: list[str], weight: float = 0.0) -> Drawn:
    """Something worth knowing that is no problem by itself."""
    return Drawn(Finding(key, text, tuple(evidence), "note"), weight)
