"""Attempts and calls as tests need them."""

from harness.model import Attempt, Fault, Outcome

SECOND = 1_000_000_000


def attempt(
    outcome: Outcome,
    fault: Fault = Fault.NONE,
    *,
    number: int = 1,
    status: int | None = None,
    retry_after_s: float | None = None,
    should_retry: bool | None = None,
) -> Attempt:
    """An attempt that ended so; its times do not matter here."""
    return Attempt(
        call_id=0,
        number=number,
        sent_ns=0,
        end_ns=SECOND,
        outcome=outcome,
        fault=fault,
        status=status,
        retry_after_s=retry_after_s,
        should_retry=should_retry,
    )
