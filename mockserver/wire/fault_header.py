"""The header `x-mock-fault`: a caller asks for a fault of its own request.

`reset_mid; after_events=3`, `status; status=429; retry_after="soon"` or `wrong_length; length_off=-10`: the
action, then the keys that a rule of a profile has for it.
"""

import re
from collections.abc import Mapping

from mockserver.errors import ProfileError, WireError
from mockserver.rule_tables import read_request_fault
from mockserver.rules import RequestRule
from mockserver.tables import MAX_SHOWN, Table

FAULT_HEADER = "x-mock-fault"

_OPTION = re.compile(r"([a-z_]{1,32}) *= *(.+)", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)
_QUOTED = re.compile(r'"([^"]*)"')
# A semicolon inside quotes parts nothing.
_PART = re.compile(r'(?:"[^"]*"|[^;])+')
# Keys whose values are texts, whatever they look like.
_TEXTS = ("retry_after", "code")
_WORDS: dict[str, object] = {"true": True, "false": False}


def read_fault_header(headers: Mapping[str, str]) -> RequestRule | None:
    """The fault a request asks for, if it does; raises WireError (400) for one that is not understood."""
    text = headers.get(FAULT_HEADER)
    if text is None:
        return None
    action, *options = [part.strip() for part in _PART.findall(text) if part.strip()] or [""]
    document: dict[str, object] = {"action": action}
    for option in options:
        match = _OPTION.fullmatch(option)
        if match is None or match[1] in document:
            what = "given twice" if match else "not an option"
            raise WireError(
                400,
                f"header {FAULT_HEADER}: {option[:MAX_SHOWN]!r} is {what}: "
                "expected an action and options like 'status; status=503; retry_after_s=2'",
            )
        document[match[1]] = _text(match[2]) if match[1] in _TEXTS else _value(match[2])
    try:
        return read_request_fault(Table(FAULT_HEADER, document))
    except ProfileError as error:
        raise WireError(400, f"header {error}") from error


def _text(text: str) -> str:
    quoted = _QUOTED.fullmatch(text)
    return quoted[1] if quoted else text


def _value(text: str) -> object:
    """A number, true or false, or a text, which may stand in quotes."""
    number = _NUMBER.fullmatch(text)
    if number is not None:
        return float(text) if number[1] else int(text)
    return _text(text) if text.startswith('"') else _WORDS.get(text, text)
