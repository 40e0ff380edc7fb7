"""A fit as the terminal shows it."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import Any

from reports.fit.fit import several
from reports.fit.observed import in_words
from reports.fit.result import Result
from reports.telling import words
from reports.telling.text_table import table

_WIDTH = 100

_TITLES = {"ttft": "time to first token, ms", "inter_token": "between tokens, ms", "length": "tokens a reply"}


def render(result: Result) -> str:
    """Tables of the laws, the other parameters and the failures; then what is not known."""
    parts = [_heading(result), _laws(result), _parameters(result), _failures(result), _notes(result)]
    return "\n\n".join(part for part in parts if part)


def _heading(result: Result) -> str:
    what = f"{result['model'] or 'no model named'} at {in_words(result['target'])}"
    counts = f"{result['replies']:,} replies of {result['attempts']:,} attempts"
    return words.clean(f"{what}: {counts} in {several(result['runs'])}")


def _laws(result: Result) -> str:
    rows = []
    for key, law in result["laws"].items():
        name = _TITLES[key]
        for share in ("p50", "p90", "p99"):
            one = law[share]
            rows.append(
                [
                    f"{name}, {share}",
                    _number(one["observed"]),
                    _number(one["fitted"]),
                    f"{_number(one['low'])} – {_number(one['high'])}",
                    f"{law['ks']:.3f}" if share == "p50" else "",
                    words.count(law["n"]) if share == "p50" else "",
                ]
            )
    return table(["law", "seen", "fitted", "95 %", "KS", "n"], rows)


def _parameters(result: Result) -> str:
    profile, rows = result["profile"], []
    gap = result["inter_token"]
    rows.append(
        [
            "inter_token.mean_ms",
            _number(gap["mean_ms"]),
            f"{_number(gap['low'])} – {_number(gap['high'])}",
            f"{gap['replies']:,} replies",
        ]
    )
    prompt = result["per_1k_prompt_ms"]
    if prompt is not None:
        ends = f"{_number(prompt['low'])} – {_number(prompt['high'])}"
        rows.append(["ttft.per_1k_prompt_ms", _number(prompt["value"]), ends, "prompts of several lengths"])
    for key, limit in result["limits"].items():
        ends = f"{limit['low']:,} – {limit['high']:,}" if "low" in limit else ""
        source = f"{limit['source']}, {limit['n']:,} times"
        rows.append([f"limits.{key}", words.count(limit["value"]), ends, source])
    if result["limits"]:
        rows.append(["limits.window_s", _number(profile["limits"]["window_s"]), "", ""])
    rows += _capacity(result["capacity"])
    return table(["parameter", "value", "95 %", "from"], rows)


def _capacity(found: Mapping[str, Any] | None) -> list[list[str]]:
    if found is None:
        return []
    queue = words.NOTHING if found["queue"] is None else words.count(found["queue"])
    return [
        [
            "capacity.slots",
            words.count(found["slots"]),
            f"{found['low']:,} – {found['high']:,}",
            f"{found['waited']:,} that waited",
        ],
        ["capacity.queue", queue, "", f"{found['refused']:,} that were refused"],
        ["capacity.slowdown", _number(found["slowdown"]), "", ""],
    ]


def _failures(result: Result) -> str:
    rows = [
        [
            one["name"],
            f"{100 * one['probability']:.2f} %",
            f"{100 * one['low']:.2f} – {100 * one['high']:.2f} %",
            f"{one['count']:,} of {one['among']:,}",
            _when(one),
        ]
        for one in result["failures"]
    ]
    return table(["failure", "chance", "95 %", "seen", "when"], rows) if rows else ""


def _when(one: Mapping[str, Any]) -> str:
    if "window" in one:
        return str(one["window"])
    return f"{one['from_s']:,}–{one['to_s']:,} s" if "from_s" in one else "always"


def _notes(result: Result) -> str:
    notes = [
        fill(words.clean(note), _WIDTH, initial_indent="- ", subsequent_indent="  ")
        for note in result["notes"]
    ]
    return "\n".join(notes)


def _number(value: float | None) -> str:
    return words.NOTHING if value is None else f"{value:,.4g}"
