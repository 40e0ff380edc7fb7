"""How long a reply is, and how long it takes."""

from mockserver.core.draws import lognormal, uniform
from mockserver.profile import Length, Ttft
from mockserver.units import US_PER_MS

# No reply is longer, whatever is asked for.
MAX_OUTPUT_TOKENS = 64_000


def reply_tokens(length: Length, seed: int, call: int, wanted: int | None = None) -> int:
    """Tokens the model would write if nothing cut it: the same for every attempt of a call, at least 1.

    `wanted` replaces the draw: the schedule may own the lengths.
    """
    if wanted is not None:
        return wanted
    return max(1, round(lognormal(uniform(seed, "length", call), length.median_tokens, length.sigma)))


def ttft_us(ttft: Ttft, seed: int, call: int, attempt: int, prompt_tokens: int) -> int:
    """Microseconds from the start of a generation to its first token.

    (1 - s) lognormal(median, sigma) + s lognormal(slow median, slow sigma), plus the prompt's share.
    """
    slow = ttft.slow_share > 0 and uniform(seed, "ttft-mode", call, attempt) < ttft.slow_share
    median_ms, sigma = (ttft.slow_median_ms, ttft.slow_sigma) if slow else (ttft.median_ms, ttft.sigma)
    # Draws depend on nothing before them, so one that cannot matter is left out.
    first_ms = lognormal(uniform(seed, "ttft", call, attempt), median_ms, sigma) if median_ms else 0.0
    return round((first_ms + ttft.per_1k_prompt_ms * prompt_tokens / 1000) * US_PER_MS)
