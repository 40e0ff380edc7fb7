"""The formula of every metric, as the report prints it. The code that computes one says the same."""

from __future__ import annotations

FORMULAS = (
    ("request_throughput", "ok calls / arrival window"),
    ("request_goodput", "ok calls that met every objective / arrival window"),
    ("offered_rate", "scheduled arrivals / arrival window"),
    ("amplification", "attempts / calls"),
    ("call_latency", "end − intended, over ok calls: all attempts and waits, what the customer feels"),
    (
        "call_latency_all",
        (
            "the same over all calls, a failed call as infinite: failing fast never looks fast"
            "; with `--failures took`, a failed call by how long it took"
        ),
    ),
    ("e2el", "end − sent of the last attempt, over ok calls"),
    ("ttft", "first content event of the stream − sent, last attempts of ok calls"),
    (
        "itl",
        (
            "a content event − the one before it, every gap of the same attempts a sample"
            "; zero where one read brought both. As an objective: the mean gap of a call"
        ),
    ),
    (
        "tpot",
        (
            "(end − first content event) / (completion tokens − 1), the same attempts"
            "; from two tokens on, as the API counted them"
        ),
    ),
    ("permit_wait, backoff", "time a call waited for permits, and between its attempts"),
    ("acceptance", "accepted by the queue − intended, over accepted calls"),
    ("wait in the queue", "taken up by a worker − accepted, over calls that were taken up"),
    (
        "drained after the peak",
        "from the greatest depth of the queue until a twentieth of it is left, as sampled twice a second",
    ),
    ("schedule_lag", "start − intended: how late the generator itself was"),
    ("loop_lag", "how late the event loop woke a sleeper"),
    (
        "generator cpu",
        (
            "CPU seconds of a worker process / seconds, over the arrival window and in its busiest second"
            "; 100 % is one core"
        ),
    ),
    ("gc pauses", "time in which Python's garbage collector held a worker process, the drain included"),
    ("shed_rate", "calls rejected before any attempt / calls"),
    ("breaker_open_fraction", "time open, over workers / (workers × arrival window); half-open is not open"),
    (
        "wasted tokens",
        (
            "prompt and completion tokens of attempts that ended ok in calls that did not"
            "; what an API generated for an attempt given up, its client cannot know"
        ),
    ),
    (
        "cost",
        (
            "tokens as the API counted them × the price of the model it was sent to, over all attempts"
            "; wasted: of wasted tokens; of a good call: all of it / calls that met every objective"
        ),
    ),
    (
        "took, by outcome",
        "end − intended, over calls that ended so, failed ones too: how long it took to be told",
    ),
    ("in_flight_at_end", "scheduled arrivals without a recorded call"),
    ("arrival window", "from the start until arrivals stopped; the drain after it counts in no rate"),
)
