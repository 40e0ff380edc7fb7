"""What is asked of the provider, and what it answers.

What is made at every attempt are msgspec structs: making a frozen dataclass costs several times as much, and
was a sixth of the server's time.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from mockserver.core.gaps import Gaps
from mockserver.core.limits import Exceeded, Levels
from mockserver.rules import RequestRule


class Arrival(msgspec.Struct, frozen=True):
    """One attempt of a call, as the provider sees it. `key` is any text that stands for the account.

    `headers` are what rules may select by, their names in lower case or looked up in any case. `fault` is one
    that the request asks for itself: it is met in place of the profile's. `hint_unit_us`: waits are told to
    this caller rounded up to it. `anonymous`: the caller has not named the call, `call` is only its number.
    """

    path: str
    model: str
    key: str
    prompt_tokens: int
    max_tokens: int | None
    call: int
    attempt: int = 1
    wanted_tokens: int | None = None
    choices: int = 1
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    fault: RequestRule | None = None
    hint_unit_us: int = 1_000
    anonymous: bool = False

    @property
    def named_call(self) -> int | None:
        """The call as its caller knows it."""
        return None if self.anonymous else self.call


class Start(msgspec.Struct, frozen=True):
    """A generation has started at the time of the decision: when its first token and its end are due, and the
    gaps between its tokens.
    """

    ticket: int
    first_us: int
    total_us: int
    gaps: Gaps


class Fault(msgspec.Struct, frozen=True):
    """Do what the rule says in place of a generation; `levels` go into the headers if it answers at all."""

    rule: RequestRule
    levels: Levels


class Throttle(msgspec.Struct, frozen=True):
    """Over a rate limit: 429."""

    exceeded: Exceeded
    levels: Levels


class Exhausted(msgspec.Struct, frozen=True):
    """The key has spent its whole quota: 429 for good."""

    levels: Levels


class Overload(msgspec.Struct, frozen=True):
    """No slot and no place in the queue."""

    status: int
    retry_after_s: float
    levels: Levels


class Generate(msgspec.Struct, frozen=True):
    """A reply of `choices` times `tokens` is under way, or waits for its turn while `start` is None.

    It takes its slot and its time as any other; `fault` is the rule that spoils it on its way to the caller.
    """

    ticket: int
    tokens: int
    finish_reason: Literal["stop", "length"]
    levels: Levels
    start: Start | None
    fault: RequestRule | None = None
    choices: int = 1

    @property
    def spent_tokens(self) -> int:
        """What the reply costs: the choices are written side by side, in the time of one."""
        return self.tokens * self.choices


Decision = Fault | Throttle | Exhausted | Overload | Generate
