"""What the scenario's offer will ask of an API, by a sample of its requests."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from harness.bridge.options import Settings
from harness.client.client import DEFAULT_TEMPERATURE
from harness.client.messages import COPYWRITER, copy_messages
from harness.errors import RequestError
from harness.model import Request
from harness.play.offer import Offer
from harness.spending.estimate import Estimate, Sample, estimate
from harness.spending.meter import Meter
from harness.units import NS
from harness.wire.choose import wire_named
from harness.workload.schedule import Arrival, Writer

#: Requests looked at: enough for a mean, and encoded in a moment.
SAMPLES = 200


def estimate_of(offer: Offer, settings: Settings, meter: Meter) -> Estimate:
    """Of the prompts that the schedule has; a scenario's own code may send others."""
    wire = wire_named(settings.wire)
    samples = []
    for arrival in _arrivals(offer, settings):
        messages = copy_messages(arrival.prompt, COPYWRITER)
        request = Request(messages, settings.model, arrival.max_tokens, DEFAULT_TEMPERATURE, settings.stream)
        try:
            body = wire.encode(request)
        except RequestError:  # a row of a trace that asks for nothing
            continue
        planned = arrival.planned_completion_tokens
        samples.append(Sample(len(body), arrival.max_tokens, planned, meter.most(body)))
    return estimate(_calls(offer, settings), samples)


def _calls(offer: Offer, settings: Settings) -> int | None:
    """Arrivals that come due; nobody knows those of a closed loop."""
    if offer.schedule is None:
        return None
    until_s = min(offer.length_s, settings.run_time_s or offer.length_s)
    return int((offer.schedule.at_ns <= until_s * NS).sum())


def _arrivals(offer: Offer, settings: Settings) -> Iterator[Arrival]:
    calls = _calls(offer, settings)
    if offer.schedule is None or calls is None:
        writer = Writer(settings.seed)
        yield from (writer.write(call_id, None) for call_id in range(SAMPLES))
    else:
        for call_id in np.unique(np.linspace(0, calls - 1, min(calls, SAMPLES), dtype=int)):
            yield offer.schedule.arrival(int(call_id))
