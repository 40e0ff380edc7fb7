"""A request of an imitated API as the core takes it, and the answers of what the core refuses."""

from collections.abc import Callable, Mapping

from mockserver.core.decisions import Arrival, Exhausted, Overload, Throttle
from mockserver.errors import WireError
from mockserver.wire.answer import Answer, Moment
from mockserver.wire.dialect import Dialect
from mockserver.wire.fault_header import read_fault_header
from mockserver.wire.identity import Ids
from mockserver.wire.request import MAX_BODY_BYTES, ParsedRequest


def read_request(
    dialect: Dialect,
    parse: Callable[[bytes], ParsedRequest],
    path: str,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    ids: Ids,
    number: int,
) -> tuple[Arrival, ParsedRequest]:
    """Everything a request says; raises WireError for the first thing wrong with it.

    `number` stands in for a call that its caller has not named. `body` is None when it was too large.
    """
    account = dialect.account(headers)
    fault = read_fault_header(headers)
    if body is None:
        raise WireError(413, f"The request body is larger than {MAX_BODY_BYTES} bytes.")
    parsed = parse(body)
    arrival = Arrival(
        path=path,
        model=parsed.model,
        key=account,
        prompt_tokens=parsed.prompt_tokens,
        max_tokens=parsed.max_tokens,
        call=number if ids.call is None else ids.call,
        attempt=ids.attempt or 1,
        wanted_tokens=ids.wanted_tokens,
        choices=parsed.choices,
        headers=headers,
        fault=fault,
        hint_unit_us=dialect.hint_unit_us,
        anonymous=ids.call is None,
    )
    return arrival, parsed


def refused(
    dialect: Dialect, decision: Throttle | Exhausted | Overload, parsed: ParsedRequest, moment: Moment
) -> tuple[str, Answer]:
    """Why a request was refused, as the log has it, and the answer that says so."""
    match decision:
        case Throttle():
            return decision.exceeded.kind, dialect.throttled(decision, parsed, moment)
        case Exhausted():
            return "quota", dialect.exhausted(decision, moment)
        case Overload():
            return "overloaded", dialect.overloaded(decision, moment)
