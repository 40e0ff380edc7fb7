"""Every error the harness raises.

HarnessError
├── ConfigError           a setting is wrong: names the field, the value and what was expected
├── RequestError          a request cannot be built from what the caller passed
└── CallError             a call did not end in a reply; says how, why, and with what
    ├── Rejected          no attempt was let through (breaker open, admission full)
    ├── Throttled         429 that may be retried
    ├── Overloaded        503, 529
    ├── Transient         transport error, 408, 409, other 5xx
    ├── TimedOut          the attempt's own timeout
    ├── Malformed         200 with an unusable body
    ├── Partial           a stream ended badly after its first output; carries what was received
    ├── LocalExhaustion   our own connection pool was exhausted
    ├── Fatal             a request that cannot succeed as it is: 400, 401, 403, 404, quota exhausted
    └── DeadlineExceeded  cut by the call's total deadline
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any


class HarnessError(Exception):
    """Base of every error raised by the harness."""


class ConfigError(HarnessError):
    """A setting is wrong. The message names the field, the value and what was expected."""


class RequestError(HarnessError):
    """A request cannot be built from the arguments given."""


class CallError(HarnessError):
    """A call ended without a reply.

    `outcome` is how its last attempt ended, `stopped_by` why it went no further, `status` the last HTTP
    status if there was one, `code` the provider's error code, `request_id` the provider's id of the last
    attempt, `retry_after_s` its last hint (of an open breaker: for how long it refuses), `attempts` how many
    were sent, `text` what had been received of a stream.
    """

    def __init__(
        self,
        message: str,
        *,
        outcome: str = "",
        stopped_by: str | None = None,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
        attempts: int = 0,
        text: str = "",
    ) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.stopped_by = stopped_by
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        self.attempts = attempts
        self.text = text


class Rejected(CallError):  # noqa: N818 - named for the outcome it carries, as the design's outcome list is
    """No attempt was let through: the breaker was open or admission was full."""


class Throttled(CallError):  # noqa: N818
    """The API answered 429 and no retry was left."""


class Overloaded(CallError):  # noqa: N818
    """The API answered 503 or 529 and no retry was left."""


class Transient(CallError):  # noqa: N818
    """The connection failed, or the API answered 408, 409 or another 5xx, and no retry was left."""


class TimedOut(CallError):  # noqa: N818
    """The last attempt ran into its own timeout and no retry was left."""


class Malformed(CallError):  # noqa: N818
    """The API answered 200 with a body that is not a usable reply."""


class Partial(CallError):  # noqa: N818
    """A stream broke, fell silent or met the deadline after its first output. `text` is what was received.

    It is not retried: the caller has already seen a part.
    """


class LocalExhaustion(CallError):  # noqa: N818
    """Our own connection pool, or what a budget covers at once, was exhausted: nothing was sent."""


class Fatal(CallError):  # noqa: N818
    """The API refused the request for good (400, 401, 403, 404, quota exhausted): retrying cannot help."""


class DeadlineExceeded(CallError):  # noqa: N818
    """The call's total deadline passed."""


def nearest(name: str, known: list[str]) -> str:
    """A hint ", did you mean 'x'?" for a misspelt name; empty when nothing is close."""
    close = get_close_matches(name, known, n=1)
    return f", did you mean {close[0]!r}?" if close else ""


def expected(field: str, value: Any, what: str) -> ConfigError:
    """The one form of a configuration error: field, value, what was expected."""
    return ConfigError(f"{field} = {value!r}: expected {what}")
