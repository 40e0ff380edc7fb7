"""A fitted profile as the text of its file: strict TOML, with what each section rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from reports.fit.observed import in_words
from reports.fit.result import Result
from reports.telling import words
from reports.virtual.policy_toml import value_toml

_WIDTH = 100


def profile_toml(result: Result) -> str:
    """The file that `--mock-profile` and `python -m mockserver --profile` take."""
    lines: list[str] = [*_remarks(_heading(result)), ""]
    profile: Mapping[str, Any] = result["profile"]
    lines.append(f"name = {value_toml(profile['name'])}")
    for key, value in profile.items():
        if isinstance(value, Mapping):
            lines += ["", *_remarks(_about(key, result)), f"[{key}]", *_pairs(value)]
        elif isinstance(value, list):
            for index, row in enumerate(value):
                about = _about(key, result, index)
                lines += ["", *_remarks(about), f"[[{key}]]", *_pairs(row)]
    return "\n".join(lines) + "\n"


def _pairs(table: Mapping[str, Any]) -> Iterator[str]:
    return (f"{key} = {value_toml(value)}" for key, value in table.items())


def _remarks(texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        first, *rest = wrap(words.clean(text), _WIDTH - 2) or [""]
        yield f"# {first}".rstrip()
        yield from (f"#   {line}" for line in rest)


def _heading(result: Result) -> list[str]:
    counts = f"{result['replies']:,} replies of {result['attempts']:,} attempts"
    asked = f"{result['model'] or 'no model named'} at {in_words(result['target'])}"
    return [
        f"Fitted by `python -m reports fit` to {counts}: {asked}.",
        f"Runs: {', '.join(result['runs'])}.",
        *([] if not result["notes"] else ["Not known, or to be known:"]),
        *(f"- {note}." for note in result["notes"]),
    ]


def _about(key: str, result: Result, index: int = 0) -> list[str]:
    """What a section rests on."""
    laws = result["laws"]
    match key:
        case "ttft" | "inter_token" | "length" if key in laws:
            law = laws[key]
            return [_law(law), f"KS {law['ks']:.3f} of {law['n']:,}"]
        case "limits":
            return [
                f"{name}: told by {one['source']}, {one['n']:,} times"
                for name, one in result["limits"].items()
            ]
        case "capacity":
            found = result["capacity"]
            if found is None:
                return ["no request waited: slots are ample, and the slowdown is what was seen of it"]
            return [
                f"{found['waited']:,} requests waited; {found['refused']:,} were refused for want of room"
            ]
        case "connection_faults" | "request_faults":
            return [_rule(result, key, index)]
    return []


def _law(law: Mapping[str, Any]) -> str:
    parts = [
        f"{name} {_number(law[name]['observed'])} seen, {_number(law[name]['fitted'])} fitted"
        for name in ("p50", "p99")
    ]
    return f"{'; '.join(parts)} ({law['unit']})"


def _number(value: float | None) -> str:
    return words.NOTHING if value is None else f"{value:,.4g}"


def _rule(result: Result, key: str, index: int) -> str:
    name = result["profile"][key][index]["name"]
    one = next(found for found in result["failures"] if found["name"] == name)
    return f"{one['count']:,} of {one['among']:,}: {100 * one['low']:.2f} to {100 * one['high']:.2f} % (95 %)"
