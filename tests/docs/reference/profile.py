"""The keys of a profile of the mock server."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_type_hints

from mockserver.profile import ModelLimits, Profile
from mockserver.profile_document import as_document
from mockserver.profile_file import bundled_names, parse_profile
from mockserver.rule_tables import _KEYS_OF
from mockserver.rules import ConnectionRule, RequestRule
from tests.docs.reference.expectations import expected, known
from tests.docs.reference.markdown import code, filled, prose, table, value

TITLE = "Profiles of the mock server"

HEAD = """
A profile is TOML for `python -m mockserver --profile` and for `--mock-profile` of the scenarios, of `play`
and of specs: one of {names}, or a file of yours. What is absent is as below; a misspelt key is an error.
What a request meets, and what each fault does on the wire, stands on [the mock server's
page](../../mockserver/README.md).
"""


#: A key whose type and range are not all that is asked of it, and a value that has both.
_WRONG = {"overload_status": 450}

#: Sections that come in another form, too, by a key of it; and in which tables of models may stand.
_ALSO: dict[str, dict[str, object]] = {"inter_token": {"median_ms": 14}}


def page() -> str:
    """Every section with what it means, then its keys with what may stand there."""
    whole = as_document(Profile("x"))
    hints = get_type_hints(Profile)
    parts = ["", filled(HEAD.format(names=", ".join(map(code, bundled_names()))))]
    for name in (field.name for field in fields(Profile) if isinstance(whole.get(field.name), dict)):
        parts += [f"## [{name}]\n", prose(hints[name]), _table(_section(name), whole[name])]
        if also := _ALSO.get(name):
            parts += [f"Or, beside `{next(iter(also))}`:\n", _table(_section(name, also), {})]
    parts += [
        '## [limits.models."MODEL"]\n',
        prose(ModelLimits),
        _table(lambda table: parse_profile({"limits": {"models": {"m": table}}}), {}),
        "## [[connection_faults]]\n",
        prose(ConnectionRule),
        _table(lambda table: parse_profile({"connection_faults": [{"action": "reset", **table}]}), {}),
        "## [[request_faults]]\n",
        prose(RequestRule),
        _table(_request_fault, {}),
    ]
    return "\n".join(parts)


def _section(name: str, beside: dict[str, object] | None = None) -> Any:
    return lambda table: parse_profile({name: {**(beside or {}), **table}})


def _request_fault(table: dict[str, object]) -> Profile:
    """A rule of the first action that has the table's key; it must say what it does."""
    (key,) = table
    action = min(_KEYS_OF.get(key, {"status"}))
    status = {"status": 500} if action == "status" else {}
    return parse_profile({"request_faults": [{"action": action, **status, **table}]})


def _table(read: Any, defaults: Any) -> str:
    """What each key may be, and what it is when absent, where that is known."""
    rows = [
        [
            _key(key),
            expected(lambda wrong, key=key: read({key: wrong}), _WRONG.get(key)),
            value(defaults.get(key)),
        ]
        for key in known(read)
    ]
    head = ["key", "what may stand there", "when absent"]
    return table(head, rows) if defaults else table(head[:2], [row[:2] for row in rows])


def _key(name: str) -> str:
    """With the actions it belongs to, where it is of some only."""
    actions = sorted(_KEYS_OF.get(name, ()))
    return f"{code(name)} (of {', '.join(map(code, actions))})" if actions else code(name)
