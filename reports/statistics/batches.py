"""Intervals within one run: consecutive batches of its calls taken for runs, where that is allowed."""

from __future__ import annotations

import numpy as np

from reports.reading.run import Floats
from reports.statistics.interval import Estimate, Sample, estimate
from reports.statistics.steady import alike

#: Few and long, so that each forgets the last; Student's t pays for their small number (Schmeiser, Batch size
#: effects in the analysis of simulation output, 1982: 10 to 30).
BATCHES = 10

RULE = f"95 % intervals over {BATCHES} consecutive batches"


def batches(series: Floats) -> Sample:
    """One steady run, its latencies in order of time, as a sample of batches."""
    return Sample(np.array_split(series, BATCHES), ("batch", "batches"), joined=True)


def estimate_within(sample: Sample, name: str) -> Estimate:
    """A percentile with its interval over batches; none where neighbouring batches are alike.

    They are if the shares of calls beyond the percentile fail von Neumann's test, which 1 % of independent
    ones do.
    """
    found = estimate(sample, name)
    if found.value is None or found.low is None:
        return found
    shares = sample.beyond(found.value) / sample.sizes
    if alike(shares):
        return Estimate(found.value, None, None, f"neighbouring batches are alike beyond the {name}")
    return found
