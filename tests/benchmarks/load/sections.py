"""All sections, in the order in which they are measured."""

from __future__ import annotations

from tests.benchmarks.load import in_flight
from tests.benchmarks.load.section import Section

SECTIONS = (Section("in-flight", in_flight.measure),)
