"""What master and workers tell each other beside Locust's own messages, by name."""

from __future__ import annotations

#: From a worker, twice a second: the "run" and its Tally.
TALLY = "primetime_tally"

#: From a worker: it needs more of the budget; an Ask. From the master to it: what it has now; a Grant.
#: Both with the "run" they are of.
ASK, GRANT = "primetime_ask", "primetime_grant"

#: From a worker, once a second, if the master has a web UI: its Pulse, with the "run" it is of.
PULSE = "primetime_pulse"

#: From the master to one worker: a row for its events table; {"run", "name", "text", "value"}.
NOTE = "primetime_note"

#: From the master: no more arrivals; {"grace_s"} for the calls under way.
STOP = "primetime_stop"

#: From a worker that does not share the run folder, once a second: a Parcel of its records.
RECORDS = "primetime_records"

#: From the master, for each: the Receipt.
RECEIPT = "primetime_receipt"
