"""How many tokens replies have, where nothing cuts them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.fit.laws import Lognormal
from reports.fit.mixture import Samples, one
from reports.fit.observed import Observed
from reports.reading.run import ABSENT, Floats

#: Why a reply ended that was as long as it was allowed to be: OpenAI's word, and Anthropic's.
CUT_REASONS = ("length", "max_tokens")

#: Replies that ended by themselves, below which nothing is fitted.
FEWEST_UNCUT = 100


@dataclass(frozen=True, slots=True)
class Lengths:
    """The law, what it was fitted to, and the tokens of replies that ended and of those that were cut."""

    law: Lognormal
    samples: Samples
    ended: Floats
    cut: Floats


def fit_lengths(observed: Observed) -> Lengths | None:
    """The likeliest lognormal law; None where too few replies ended by themselves.

    A reply that was as long as `max_tokens` allowed would have been longer, and so would a stream that broke
    off: of these only that is known.
    """
    attempts = observed.attempts
    counted = observed.ok & (attempts.completion_tokens > 0)
    limited = counted & attempts.finish_reason.isin(CUT_REASONS)
    ended = attempts.completion_tokens[counted & ~limited].astype(np.float64)
    if len(ended) < FEWEST_UNCUT:
        return None
    broken = observed.streamed & ~observed.ok & (attempts.completion_tokens == ABSENT)
    cut = np.concatenate(
        (
            attempts.completion_tokens[limited].astype(np.float64),
            attempts.output_ns.lengths[broken].astype(np.float64),
        )
    )
    # Whole tokens: what is longer than n has n and a half of the law's at least.
    samples = Samples.of(ended, cut + 0.5)
    return Lengths(one(samples).law.usual, samples, ended, cut)
