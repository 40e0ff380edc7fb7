"""All sections, in the order in which they are measured."""

from __future__ import annotations

from tests.benchmarks.load import fidelity, in_flight, omission, streaming, throughput
from tests.benchmarks.load.section import Section

SECTIONS = (
    Section("throughput", throughput.measure),
    Section("streaming", streaming.measure),
    Section("in-flight", in_flight.measure),
    Section("fidelity", fidelity.measure),
    Section("omission", omission.measure),
)
