"""When to come back, as headers say it."""

from email.utils import formatdate
from math import ceil

from mockserver.rules import RetryAfter
from mockserver.units import MS_PER_S, US_PER_S
from mockserver.wire.answer import Headers, Moment


def retry_after(wait_s: float, *, with_ms: bool) -> Headers:
    """A wait, rounded up to whole seconds, and where the API has it to milliseconds."""
    ms = {"retry-after-ms": str(ceil(wait_s * MS_PER_S))} if with_ms else {}
    return {"retry-after": str(ceil(wait_s))} | ms


def injected_hint(hint: RetryAfter, moment: Moment, *, with_ms: bool) -> Headers:
    """What a rule wants said: seconds, a date so many seconds ahead, or a text as it is."""
    headers: Headers = {}
    if hint.seconds is not None and hint.as_date:
        headers["retry-after"] = formatdate(ceil(moment.unix_us / US_PER_S + hint.seconds), usegmt=True)
    elif hint.seconds is not None:
        headers |= retry_after(hint.seconds, with_ms=with_ms)
    elif hint.text is not None:
        headers["retry-after"] = hint.text
    if hint.should_retry is not None:
        headers["x-should-retry"] = "true" if hint.should_retry else "false"
    return headers
