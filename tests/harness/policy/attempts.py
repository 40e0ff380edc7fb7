"""Attempts as tests need them."""

from harness.model import Attempt, Fault, Outcome

SECOND = 1_000_000_000


def attempt(
    outcome: Outcome,
    fault: Fault = Fault.NONE,
    *,
    status: int | None = None,
    sent_s: float = 0,
    first_token_s: float | None = None,
    end_s: float = 1,
    retry_after_s: float | None = None,
    should_retry: bool | None = None,
) -> Attempt:
    """An attempt that ended so."""
    return Attempt(
        call_id=0,
        number=1,
        sent_ns=round(sent_s * SECOND),
        end_ns=round(end_s * SECOND),
        outcome=outcome,
        fault=fault,
        status=status,
        first_token_ns=None if first_token_s is None else round(first_token_s * SECOND),
        retry_after_s=retry_after_s,
        should_retry=should_retry,
    )
