"""Exit codes of `python -m reports`."""

from __future__ import annotations

OK = 0
REGRESSION = 1
BAD_INPUT = 2
INCONCLUSIVE = 3
INTERRUPTED = 130
PIPE_CLOSED = 141

#: What they mean, as help shows it.
PLAIN = {
    OK: "done",
    BAD_INPUT: "bad input: one line says what, and what was expected",
    INTERRUPTED: "interrupted (Ctrl-C)",
}

#: Of commands that end in other ways, too.
OF = {
    "gate": {
        **PLAIN,
        OK: "pass",
        REGRESSION: "regression",
        INCONCLUSIVE: "inconclusive: too little data, or runs that are unlike",
    },
    "fit": {**PLAIN, INCONCLUSIVE: "no profile: too little was recorded, or the runs are of several APIs"},
    "baseline": {**PLAIN, INCONCLUSIVE: "no baseline: the runs are unlike, or not to be relied on"},
}
