"""Which injected fault a connection or request meets: ordered rules, the first match wins."""

from collections.abc import Mapping

from mockserver.core.draws import uniform
from mockserver.core.evening import EveningClock, in_force
from mockserver.rules import ConnectionRule, RequestRule

# How long it lasts that connections are refused, or that they are not.
REFUSE_SLICE_US = 100_000


def connection_fault(
    rules: tuple[ConnectionRule, ...], seed: int, connection: int, clock: EveningClock, now_us: int
) -> ConnectionRule | None:
    """The fault of the connection with this arrival number."""
    for index, rule in enumerate(rules):
        applies = rule.action != "refuse" and in_force(rule.when, clock, now_us)
        if applies and uniform(seed, f"connection-fault-{index}", connection) < rule.probability:
            return rule
    return None


def refusing(rules: tuple[ConnectionRule, ...], seed: int, clock: EveningClock, now_us: int) -> bool:
    """Whether nobody listens now: drawn anew for every slice of time."""
    for index, rule in enumerate(rules):
        if rule.action == "refuse" and in_force(rule.when, clock, now_us):
            draw = uniform(seed, f"connection-refuse-{index}", now_us // REFUSE_SLICE_US)
            if draw < rule.probability:
                return True
    return False


class RequestFaults:
    """The rules for requests, and how often each with a `first` has been used."""

    __slots__ = ("_rules", "_used")

    def __init__(self, rules: tuple[RequestRule, ...]) -> None:
        self._rules = rules
        self._used = [0] * len(rules)

    def meet(
        self,
        seed: int,
        path: str,
        model: str,
        headers: Mapping[str, str],
        call: int,
        attempt: int,
        clock: EveningClock,
        now_us: int,
    ) -> RequestRule | None:
        """The fault of this attempt of this call, if it is made now; a rule with `first` is used up by it.

        Each rule draws from its own stream, so that adding one leaves the draws of those above it alone.
        """
        for index, rule in enumerate(self._rules):
            applies = (
                (rule.path is None or rule.path == path)
                and (rule.model is None or rule.model == model)
                and (rule.header is None or headers.get(rule.header.name) == rule.header.value)
                and (rule.first is None or self._used[index] < rule.first)
                and in_force(rule.when, clock, now_us)
            )
            if applies and uniform(seed, f"request-fault-{index}", call, attempt) < rule.probability:
                self._used[index] += 1
                return rule
        return None
