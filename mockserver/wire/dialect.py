"""What the server asks of an imitated API: one table of functions for each, all of them pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mockserver.core.decisions import Exhausted, Fault, Generate, Overload, Throttle
from mockserver.core.limits import Levels
from mockserver.errors import WireError
from mockserver.wire.answer import Answer, Headers, Moment, Stream
from mockserver.wire.request import ParsedRequest


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one provider is asked and how it answers.

    `account` (of the headers), `parse` and `model` (of its name) raise WireError.
    `common_headers(request_id, taken_us)` are those of every answer, `broken` is the answer of a generation
    that failed at its end, `error_event` ends a stream that failed. Waits are told in whole `hint_unit_us`.
    """

    account: Callable[[Mapping[str, str]], str]
    parse: Callable[[bytes], ParsedRequest]
    models: Callable[[], Answer]
    model: Callable[[str], Answer]
    common_headers: Callable[[str, int], Headers]
    limit_headers: Callable[[Levels, Moment], Headers]
    whole: Callable[[Generate, ParsedRequest, Moment], Answer]
    stream: Callable[[Generate, ParsedRequest, Moment], Stream]
    error_event: Callable[[Moment], bytes]
    broken: Callable[[Levels, Moment], Answer]
    refused: Callable[[WireError, Moment], Answer]
    injected: Callable[[Fault, Moment], Answer]
    throttled: Callable[[Throttle, ParsedRequest, Moment], Answer]
    exhausted: Callable[[Exhausted, Moment], Answer]
    overloaded: Callable[[Overload, Moment], Answer]
    hint_unit_us: int
