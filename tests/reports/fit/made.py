"""Hidden APIs, traffic from them, and attempts made by hand."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from harness.model import Attempt, AttemptFinished, CallFinished, Level, Levels, Outcome, Reply, Usage
from mockserver.profile import Profile
from reports.fit.laws import Lognormal, Mixture
from reports.fit.observed import Observed, observe
from reports.reading.load import read_run
from reports.reading.run import Floats, Ints
from reports.virtual.folder import play_into
from reports.virtual.stage import stage_of
from tests.reports import runs

#: Short replies, so that many of them cost little.
LATENCY = """\
[ttft]
median_ms = 430
sigma = 0.35
slow_share = 0.08
slow_median_ms = 1900
slow_sigma = 0.25
per_1k_prompt_ms = 0
[inter_token]
mean_ms = 21
cv = 0.3
[length]
median_tokens = 40
sigma = 0.6
"""

#: An API without a bound.
HIDDEN = (
    LATENCY
    + """\
[limits]
rpm = 4321
tpm = 3_210_000
[[request_faults]]
action = "status"
status = 429
retry_after_s = 3
probability = 0.02
[[request_faults]]
action = "status"
status = 500
probability = 0.01
[[request_faults]]
action = "reset"
probability = 0.008
[[request_faults]]
action = "hang"
probability = 0.006
[[request_faults]]
action = "garbage"
probability = 0.005
[[request_faults]]
action = "stall"
after_events = 5
probability = 0.004
[[request_faults]]
action = "half_json"
probability = 0.003
"""
)

#: One that makes callers wait, and turns them away.
KNEE = (
    LATENCY
    + """\
[capacity]
slots = 40
queue = 15
slowdown = 0.4
overload_status = 529
overload_retry_after_s = 2
"""
)

TTFT = Mixture(Lognormal(430, 0.35), Lognormal(1900, 0.25), 0.08)
_SIGMA = math.sqrt(math.log1p(0.3**2))
GAP = Lognormal(21 * math.exp(-_SIGMA * _SIGMA / 2), _SIGMA)
LENGTH = Lognormal(40, 0.6)

#: Of a normal deviate: exceeded once in a thousand.
Z999 = 3.29

MS = 1_000_000


def ttft_of(profile: Profile) -> Mixture:
    """The law of a profile's time to first token."""
    ttft = profile.ttft
    usual, slow = Lognormal(ttft.median_ms, ttft.sigma), Lognormal(ttft.slow_median_ms, ttft.slow_sigma)
    return Mixture(usual, slow, ttft.slow_share)


def gap_of(profile: Profile) -> Lognormal:
    """The law of its gaps."""
    sigma = math.sqrt(math.log1p(profile.inter_token.cv**2))
    return Lognormal(profile.inter_token.mean_ms * math.exp(-sigma * sigma / 2), sigma)


def length_of(profile: Profile) -> Lognormal:
    """The law of its lengths."""
    return Lognormal(profile.length.median_tokens, profile.length.sigma)


def play(folder: Path, profile: str, *, seed: int = 1, policy: str = "naive", **stage: Any) -> Path:
    """Traffic from a hidden API in virtual time: the run's folder."""
    path = folder / f"hidden-{seed}.toml"
    path.write_text(profile, encoding="utf-8")
    document = {"policy": policy, "mock_profile": str(path), "stream": True, **stage}
    played = stage_of(document, folder)
    return play_into(played, played.policy({}), seed, folder / "runs")


def attempt(
    call_id: int,
    sent_ms: float,
    end_ms: float,
    outcome: Outcome = Outcome.OK,
    *,
    output_ms: Iterable[float] = (),
    tokens: tuple[int, int] | None = None,
    reason: str | None = None,
    told: Levels | None = None,
    **columns: Any,
) -> Attempt:
    """One attempt; times in milliseconds from the run's start."""
    output_ns = array("q", [runs.ORIGIN_NS + round(at * MS) for at in output_ms])
    usage = None if tokens is None else Usage(*tokens)
    return Attempt(
        call_id=call_id,
        number=1,
        sent_ns=runs.ORIGIN_NS + round(sent_ms * MS),
        end_ns=runs.ORIGIN_NS + round(end_ms * MS),
        outcome=outcome,
        usage=usage,
        output_ns=output_ns or None,
        first_token_ns=output_ns[0] if output_ns else None,
        reply=None if reason is None else Reply("", "mock", reason, usage),
        levels=told,
        **columns,
    )


def levels(requests: tuple[int, int] | None = None, tokens: tuple[int, int] | None = None) -> Levels:
    """What headers tell: each a limit, and what is left of it."""
    return Levels(None if requests is None else Level(*requests), None if tokens is None else Level(*tokens))


def run(
    path: Path, attempts: Iterable[Attempt], *, detail: str = "", model: str = "mock", **manifest: Any
) -> Path:
    """A run of one call an attempt, on disk."""
    path.mkdir(parents=True)
    runs.manifest(path)
    if manifest:
        runs.rewrite_manifest(path, **manifest)
    made = list(attempts)
    calls = [runs.call(one.call_id, 0, 1, model=model, detail=detail) for one in made]
    runs.record(path, 0, [*map(AttemptFinished, made), *map(CallFinished, calls)])
    runs.ending(path, {"0": len(made)})
    return path


def observed(path: Path, attempts: Iterable[Attempt], **told: Any) -> Observed:
    """The attempts of one run made by hand."""
    return observe([read_run(run(path, attempts, **told))])


def lognormal(rng: np.random.Generator, n: int, median: float, sigma: float) -> Floats:
    """So many draws."""
    return np.asarray(median * np.exp(sigma * rng.standard_normal(n)))


def indices(*values: int) -> Ints:
    """Rows."""
    return np.array(values, dtype=np.int64)
