"""What retries did: rescue calls, or feed the trouble they came from."""

from __future__ import annotations

import numpy as np

from reports.findings import say
from reports.findings.facts import LEAST_IN_BIN, Facts
from reports.findings.finding import Drawn, note, problem
from reports.findings.stretches import bridged

#: A storm: of the requests in a stretch at least so many are retries...
LEAST_RETRIES = 0.25

#: ...while at most so many of the calls due are served in time...
MOST_GOOD = 0.6

#: ...and more requests are sent than calls come, most of which fail...
MOST_ANSWERED = 0.5

#: ...and not mostly with 429, which costs the API next to nothing.
MOST_THROTTLED = 0.5

#: Fewer retries are no storm, nor do they tell how retries fare.
FEWEST = 20

#: Neither are shorter stretches: every outage begins with a burst of retries.
LEAST_STORM_S = 10.0

#: Told as a note from one request in a hundred on.
LEAST_NOTED = 0.01


def retry_storm(facts: Facts) -> list[Drawn]:
    """Stretches in which retries are a good part of the load and few calls are served."""
    retries = facts.bins.count(facts.sent[facts.retries])
    served = facts.due_count - facts.lost_count
    stormy = bridged(
        (facts.sent_count >= LEAST_IN_BIN)
        & (retries >= LEAST_RETRIES * facts.sent_count)
        & (served <= MOST_GOOD * facts.due_count)
        & (facts.sent_count > facts.due_count)
    )
    count, sent = int(retries[stormy].sum()), int(facts.sent_count[stormy].sum())
    length_s = float(np.diff(facts.bins.edges_s)[stormy].sum())
    if count < FEWEST or length_s < LEAST_STORM_S:
        return []
    within = (facts.sent >= 0) & stormy[facts.sent]
    failed = int(np.count_nonzero(within & ~facts.answered))
    few_answered = sent - failed <= MOST_ANSWERED * sent
    if not few_answered or np.count_nonzero(within & facts.throttled) > MOST_THROTTLED * failed:
        return []
    due, good = int(facts.due_count[stormy].sum()), int(served[stormy].sum())
    worked = int(np.count_nonzero(within & facts.retries & facts.answered))
    text = (
        f"{facts.bins.told(stormy)}: a retry storm. {say.share(count / sent)} of the requests were retries"
        f" ({sent / max(due, 1):.1f} requests a call due), and {say.share(good / max(due, 1))} of calls were"
        " served in time."
    )
    evidence = [
        f"then {say.count(sent, 'request')} were sent for {say.count(due, 'call')} due",
        f"{say.part(worked, count)} retries were answered",
        f"over the whole run: {facts.summary['amplification']:.2f} requests a call",
    ]
    lost = int(facts.lost_count[stormy].sum())
    return [problem("retry_storm", say.capital(text), evidence, lost / facts.calls)]


def retries_paid(facts: Facts) -> list[Drawn]:
    """What retries came to, where there is no storm."""
    count = int(np.count_nonzero(facts.retries))
    if count < max(FEWEST, LEAST_NOTED * facts.requests) or facts.once(retry_storm):
        return []
    again = facts.run.calls.attempts > 1
    tried, saved = int(np.count_nonzero(again)), int(np.count_nonzero(again & facts.run.ok))
    text = (
        f"Retries were {say.share(count / facts.requests)} of the requests; {say.part(saved, tried)} calls"
        " that were tried again came out ok."
    )
    return [note("retries_paid", text, [f"{facts.summary['amplification']:.2f} requests a call"])]
