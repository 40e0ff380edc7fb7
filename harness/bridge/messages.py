"""What master and workers tell each other beside Locust's own messages, by name."""

from __future__ import annotations

#: From a worker, twice a second: its Tally.
TALLY = "primetime_tally"

#: From the master: no more arrivals; {"grace_s"} for the calls under way.
STOP = "primetime_stop"
