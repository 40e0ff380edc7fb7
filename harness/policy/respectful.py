"""What an API asks of its callers is not optional where it is a real one."""

from __future__ import annotations

from dataclasses import replace

from harness.policy.config import Policy

#: A Retry-After up to this long holds all calls.
LONGEST_PAUSE_S = 3600.0


def respectful(policy: Policy) -> Policy:
    """The policy with Retry-After obeyed: by the call that was told, and, after a 429, by all others.

    The rest stays as it is: `naive` sends no more often, and `article` is as hasty as ever where nothing was
    said.
    """
    return replace(
        policy,
        retry=replace(policy.retry, hints=True),
        rate=replace(policy.rate, pause=True, max_pause_s=max(policy.rate.max_pause_s, LONGEST_PAUSE_S)),
    )
