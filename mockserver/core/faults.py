"""Which injected fault a connection or request meets: ordered rules, the first match wins."""

from mockserver.core.decisions import Arrival
from mockserver.core.draws import uniform
from mockserver.core.evening import EveningClock, applies, in_force
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
            slice_number = (now_us - clock.origin_us) // REFUSE_SLICE_US
            draw = uniform(seed, f"connection-refuse-{index}", slice_number)
            if draw < rule.probability:
                return True
    return False


class RequestFaults:
    """The rules for requests; of each, how many requests it could have met and how many it has."""

    __slots__ = ("_matched", "_rules", "_stream", "_used")

    def __init__(self, rules: tuple[RequestRule, ...], stream: str = "request-fault") -> None:
        self._rules = rules
        self._stream = stream
        self._matched = [0] * len(rules)
        self._used = [0] * len(rules)

    def changed(self, rules: tuple[RequestRule, ...]) -> "RequestFaults":
        """Other rules from now on; those at the beginning that are still the same go on being counted."""
        others = RequestFaults(rules, self._stream)
        for index, (old, new) in enumerate(zip(self._rules, rules, strict=False)):
            if old != new:
                break
            others._matched[index], others._used[index] = self._matched[index], self._used[index]
        return others

    def meet(self, arrival: Arrival, seed: int, clock: EveningClock, now_us: int) -> RequestRule | None:
        """The fault of this attempt, if it is made now. It is counted: a rule with `first` is used up by it.

        Each rule draws from its own stream, so that adding one leaves the draws of those above it alone.
        """
        if not self._rules:
            return None
        moment = clock.moment(now_us)
        for index, rule in enumerate(self._rules):
            if not (applies(rule.when, moment) and _selects(rule, arrival)):
                continue
            self._matched[index] += 1
            draw = uniform(seed, f"{self._stream}-{index}", arrival.call, arrival.attempt)
            if (
                (rule.every is None or self._matched[index] % rule.every == 0)
                and (rule.first is None or self._used[index] < rule.first)
                and draw < rule.probability
            ):
                self._used[index] += 1
                return rule
        return None


def _selects(rule: RequestRule, arrival: Arrival) -> bool:
    """Whether the rule is about requests like this one."""
    return (
        (rule.path is None or rule.path == arrival.path)
        and (rule.model is None or rule.model == arrival.model)
        and (rule.key is None or rule.key == arrival.key)
        and (rule.header is None or arrival.headers.get(rule.header.name) == rule.header.value)
        and (rule.call is None or rule.call.first <= arrival.call <= rule.call.last)
        and (rule.attempts is None or arrival.attempt <= rule.attempts)
    )
