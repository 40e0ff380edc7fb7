"""Requests and tokens a minute: as the API's headers tell them, or its refusals."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from reports.fit.observed import Observed
from reports.fit.refusals import find_bucket
from reports.reading.run import ABSENT, Bools, Ints

#: What tells a limit.
HEADERS, MESSAGES, REFUSALS = "headers", "messages of 429s", "which requests were refused"

#: A minute's worth at once, as both providers document their limits.
USUAL_WINDOW_S = 60.0

#: A window is a round number of seconds; what headers tell of it is as exact as one request of the limit.
_WINDOWS_S = (1, 2, 3, 5, 6, 10, 12, 15, 20, 30, 60)

#: What is left of tokens may be rounded.
_ROUNDED = 0.01

#: The code of a 429 over a limit, with the two providers.
_CODES = ("rate_limit_exceeded", "rate_limit_error")

#: Of the refusals over a limit: a larger request than any that was counted may have met so few of them, and
#: asked for so many times as much.
_FEW = 0.05
_LARGER = 4

#: What the messages of refusals tell: OpenAI's, and Anthropic's.
_OPENAI = re.compile(r"on (?:requests|tokens) per min \((RPM|TPM)\): Limit (\d+)")
_ANTHROPIC = re.compile(r"rate limit of ([\d,]+) (requests|input tokens|output tokens|tokens) per minute")
_REQUESTED = re.compile(r"on tokens per min \(TPM\): Limit \d+, Used \d+, Requested (\d+)")
_KINDS = {
    "RPM": "rpm",
    "TPM": "tpm",
    "requests": "rpm",
    "tokens": "tpm",
    "input tokens": "itpm",
    "output tokens": "otpm",
}


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit a minute: its key in a profile, how many replies or refusals told it, and by what.

    `others` were told, too; `ends` are what is as likely where it was only read off the refusals.
    """

    key: str
    value: int
    told: int
    source: str
    others: tuple[int, ...] = ()
    ends: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits that are known; the seconds' worth that a bucket holds, and whether headers tell it.

    `wider_s` are windows that explain what headers told as well.
    """

    known: tuple[Limit, ...]
    window_s: float
    window_told: bool
    wider_s: tuple[float, ...] = ()

    def of(self, key: str) -> int:
        """A limit, 0 for none."""
        return next((limit.value for limit in self.known if limit.key == key), 0)


def find_limits(observed: Observed) -> Limits:
    """What headers tell; for kinds they do not tell, the messages of refusals; without any, the refusals."""
    attempts = observed.attempts
    columns = {
        "rpm": attempts.limit_requests,
        "tpm": attempts.limit_tokens,
        "itpm": attempts.limit_input_tokens,
        "otpm": attempts.limit_output_tokens,
    }
    known = {key: limit for key, column in columns.items() if (limit := _told(key, column)) is not None}
    for key, counts in _said(observed.details).items():
        if key not in known:
            known[key] = _most(key, counts, MESSAGES)
    if "tpm" in known and _is_sum(known):
        # Anthropic's tokens are those of both sides where these have limits of their own.
        del known["tpm"]
    if not known and (bucket := find_bucket(observed)) is not None:
        ends = (bucket.low, bucket.high)
        limit = Limit("rpm", bucket.limit, bucket.refused, REFUSALS, ends=ends)
        return Limits((limit,), bucket.window_s, window_told=True)
    windows_s = _of_requests_s(attempts.left_requests, known.get("rpm"))
    if not windows_s:
        windows_s = _of_tokens_s(observed, known.get("tpm"))
    window_s, *wider_s = windows_s or (USUAL_WINDOW_S,)
    return Limits(tuple(known.values()), window_s, bool(windows_s), tuple(wider_s))


def over_a_limit(observed: Observed, limits: Limits) -> Bools:
    """The 429s whose own headers say that a limit was reached: the limits of a profile make those.

    No request was left, or fewer tokens than the largest one may have asked for. What it asked for at most is
    recorded of none (`max_tokens` counts, and few replies are so long): where some were refused over that
    limit, a few with its code and little more left are taken for larger ones. Without headers, the code says
    it where a limit is known by the refusals' messages, and all are where it was read off them.
    """
    attempts = observed.attempts
    throttled = attempts.outcome == "throttled"
    told = (attempts.left_requests != ABSENT) | (attempts.left_tokens != ABSENT)
    largest = _largest(observed)
    empty = (attempts.left_requests >= 0) & (attempts.left_requests < 1)
    short = (attempts.left_tokens >= 0) & (attempts.left_tokens <= largest)
    own = attempts.code.isin(_CODES)
    larger = throttled & own & ~empty & ~short & (attempts.left_tokens >= 0)
    larger &= attempts.left_tokens <= _LARGER * largest
    if np.count_nonzero(larger) <= _FEW * np.count_nonzero(throttled & own & short & ~empty):
        short |= larger
    untold = ~told & (attempts.fault == "status")
    sources = {limit.source for limit in limits.known}
    if REFUSALS not in sources:
        untold &= own & (MESSAGES in sources)
    return np.asarray(throttled & ((told & (empty | short)) | untold))


def _told(key: str, column: Ints) -> Limit | None:
    found = column[column != ABSENT]
    return _most(key, Counter(found.tolist()), HEADERS) if len(found) else None


def _most(key: str, counts: Counter[int], source: str) -> Limit:
    (value, _), *others = counts.most_common()
    return Limit(key, value, sum(counts.values()), source, tuple(sorted(other for other, _ in others)))


def _said(details: dict[str, int]) -> dict[str, Counter[int]]:
    """The limits in what calls said last, by kind."""
    found: dict[str, Counter[int]] = {}
    for text, count in details.items():
        pairs = [(kind, value) for kind, value in _OPENAI.findall(text)]
        pairs += [(kind, value) for value, kind in _ANTHROPIC.findall(text)]
        for kind, value in pairs:
            found.setdefault(_KINDS[kind], Counter())[int(value.replace(",", ""))] += count
    return found


def _is_sum(known: dict[str, Limit]) -> bool:
    sides = [known[key].value for key in ("itpm", "otpm") if key in known]
    return bool(sides) and known["tpm"].value == sum(sides)


def _largest(observed: Observed) -> int:
    """The tokens that the largest request may have asked for: as counted, or as a refusal told."""
    attempts = observed.attempts
    counted = int(attempts.prompt_tokens.max(initial=0)) + int(attempts.completion_tokens.max(initial=0))
    told = (int(tokens) for text in observed.details for tokens in _REQUESTED.findall(text))
    return max(counted, *told, 0)


def _of_requests_s(left: Ints, requests: Limit | None) -> list[float]:
    """The seconds' worth of requests that the bucket holds: a full one has all but the request itself left.

    Empty where the bucket was never seen full: something else was asking with the same key, or all the time.
    """
    if requests is None or not (left != ABSENT).any():
        return []
    holds = int(left.max()) + 1
    return [float(one) for one in _WINDOWS_S if holds == requests.value * one // 60][:1]


def _of_tokens_s(observed: Observed, tokens: Limit | None) -> list[float]:
    """The same of tokens: the buckets that hold what was left and what the request asked for, smallest first.

    It asked for its reply's tokens at the least, and for no more than the largest one; none where no bucket
    is so near.
    """
    attempts = observed.attempts
    left = attempts.left_tokens
    if tokens is None or not (left != ABSENT).any():
        return []
    asked = np.maximum(attempts.prompt_tokens, 0) + np.maximum(attempts.completion_tokens, 0)
    least = int((left + asked)[left != ABSENT].max()) / (1 + _ROUNDED)
    most = (int(left.max()) + _largest(observed)) * (1 + _ROUNDED)
    return [float(one) for one in _WINDOWS_S if least <= tokens.value * one // 60 <= most]
