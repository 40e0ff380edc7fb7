"""Which injected fault a connection or request meets: ordered rules, the first match wins."""

from mockserver.core.draws import uniform
from mockserver.core.evening import EveningClock, in_force
from mockserver.profile import ConnectionRule, RequestRule


def connection_fault(
    rules: tuple[ConnectionRule, ...], seed: int, connection: int, clock: EveningClock, now_us: int
) -> ConnectionRule | None:
    """The fault of the connection with this arrival number."""
    for index, rule in enumerate(rules):
        applies = in_force(rule.when, clock, now_us)
        if applies and uniform(seed, f"connection-fault-{index}", connection) < rule.probability:
            return rule
    return None


def request_fault(
    rules: tuple[RequestRule, ...],
    seed: int,
    path: str,
    model: str,
    call: int,
    attempt: int,
    clock: EveningClock,
    now_us: int,
) -> RequestRule | None:
    """The fault of this attempt of this call, if it is made now.

    Each rule draws from its own stream, so that adding one leaves the draws of those above it alone.
    """
    for index, rule in enumerate(rules):
        applies = (
            (rule.path is None or rule.path == path)
            and (rule.model is None or rule.model == model)
            and in_force(rule.when, clock, now_us)
        )
        if applies and uniform(seed, f"request-fault-{index}", call, attempt) < rule.probability:
            return rule
    return None
