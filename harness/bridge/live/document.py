"""What the page is told: of a run once, of its course once a second."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from harness.bridge.live.view import View
from harness.play.pulse import Gate, Pulse
from harness.units import NS

Phase = Literal["ready", "waiting", "playing", "draining", "reporting", "finished", "failed"]

#: Of a manifest: what a reader of the page wants to know of the run.
_TOLD = ("run", "scenario", "seed", "workers", "schedule", "target", "generator", "architecture")


def about_run(folder: Path, until_s: float) -> dict[str, Any]:
    """What does not change: from the run's own manifest."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    policy = manifest["policy"]
    return {
        **{name: manifest[name] for name in _TOLD},
        "policy": {"name": policy["name"], "values": dict(_flat(policy["values"]))},
        "until_s": until_s,
    }


def course(
    view: View, since: int, elapsed_s: float, silent: frozenset[int], over_s: float | None
) -> dict[str, Any]:
    """What does: the course from bin `since` on, the last seconds (once it is over, the `over_s` of it),
    totals, what happened.
    """
    whole_s = view.whole_s(elapsed_s, silent)
    return {
        "elapsed_s": round(elapsed_s, 2),
        "width_s": view.width_s,
        "since": since,
        "bins": view.course(since, whole_s, over=over_s is not None),
        "now": view.now(whole_s) if over_s is None else view.overall(over_s),
        "totals": _totals(view.total),
        "happenings": list(view.happenings),
    }


def workers(view: View, now_ns: int, lost: Mapping[int, str]) -> list[dict[str, Any]]:
    """Where each stands, and the changes of its breakers."""
    return [
        {
            "worker": index,
            "lost": lost.get(index),
            "heard_s": None if not seen.heard_ns else round((now_ns - seen.heard_ns) / NS, 1),
            "in_flight": seen.in_flight,
            "gates": [_gate(gate) for gate in seen.gates],
            "states": {name: list(states) for name, states in seen.states.items()},
        }
        for index, seen in enumerate(view.workers)
    ]


def _totals(pulse: Pulse) -> dict[str, Any]:
    ended = sum(pulse.calls.values())
    return {
        "scheduled": pulse.scheduled,
        "ended": ended,
        "calls": pulse.calls,
        "attempts": pulse.attempts,
        "attempts_a_call": round(pulse.sent / ended, 3) if ended else None,
        "prompt_tokens": pulse.prompt_tokens,
        "completion_tokens": pulse.completion_tokens,
    }


def _gate(gate: Gate) -> dict[str, Any]:
    return {"breaker": gate.breaker, "limit": gate.limit, "held": gate.held, "waiting": gate.waiting}


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested settings as dotted names."""
    pairs: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            pairs += _flat(value, f"{prefix}{key}.")
        else:
            pairs.append((f"{prefix}{key}", value))
    return pairs
