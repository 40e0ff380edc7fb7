"""The metrics of streamed replies, each a pure function with its formula.

All are over the last attempts of ok calls. A content event is an event of the stream with a part of the
reply; an API may put several tokens into one, and several events may be read from the socket at once.
"""

from __future__ import annotations

import numpy as np

from reports.reading.run import ABSENT, NS_PER_MS, Bools, Floats, Ints, Run

FEWEST_TOKENS = 2


def recorded(run: Run) -> bool:
    """Whether any reply of the run was streamed."""
    return len(run.attempts.output_ns.values) > 0


def ttft_ms(run: Run) -> Floats:
    """Time to first token = first content event - sent."""
    return _known(ttft_by_call_ms(run)[run.ok])


def itl_ms(run: Run) -> Floats:
    """Inter-token latency = a content event - the one before it, each gap of a reply a sample.

    Events that were read at once have a gap of zero.
    """
    last = run.last_attempt[run.ok]
    return run.attempts.output_ns[last[last != ABSENT]].steps / NS_PER_MS


def tpot_ms(run: Run) -> Floats:
    """Time per output token = (end - first content event) / (completion tokens - 1), one sample a reply.

    Tokens are the API's count: a reply it did not count is no sample, and none is one of fewer than two.
    """
    enough = run.of_last_attempt(run.attempts.completion_tokens.astype(np.float64)) >= FEWEST_TOKENS
    return _known(tpot_by_call_ms(run)[run.ok & enough])


def ttft_by_call_ms(run: Run) -> Floats:
    """Of every call: first content event - sent of its last attempt; nan without a stream."""
    attempts = run.attempts
    return run.of_last_attempt((attempts.output_ns.first - attempts.sent_ns) / NS_PER_MS)


def mean_itl_by_call_ms(run: Run) -> Floats:
    """Of every call: its mean gap, (last - first content event) / (content events - 1); nan without a stream.

    Zero for a single event: nothing was waited for between events.
    """
    output = run.attempts.output_ns
    return run.of_last_attempt((output.last - output.first) / np.maximum(output.lengths - 1, 1) / NS_PER_MS)


def tpot_by_call_ms(run: Run) -> Floats:
    """Of every call: as `tpot_ms`; nan without a stream or the API's count.

    Zero for fewer than two tokens: no second one was waited for.
    """
    attempts = run.attempts
    tokens: Ints = attempts.completion_tokens
    took_ms = (attempts.end_ns - attempts.output_ns.first) / NS_PER_MS
    several: Bools = tokens >= FEWEST_TOKENS
    each_ms = took_ms / np.maximum(tokens - 1, 1) * several
    return run.of_last_attempt(np.where(tokens == ABSENT, np.nan, each_ms))


def _known(values: Floats) -> Floats:
    return values[~np.isnan(values)]
