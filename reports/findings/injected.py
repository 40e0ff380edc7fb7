"""That faults were injected by hand: what went wrong then was meant to."""

from __future__ import annotations

from reports.figures.injected import injected
from reports.findings import say
from reports.findings.facts import Facts
from reports.findings.finding import Drawn, note


def faults_injected(facts: Facts) -> list[Drawn]:
    """Any of them."""
    found = injected(facts.run.events)
    if not found:
        return []
    edges_s = facts.bins.edges_s
    evidence = []
    for one in found:
        met = (edges_s[:-1] < one.to_s) & (edges_s[1:] > one.from_s)
        when = facts.bins.told(met) if met.any() else "after the last arrival"
        evidence.append(f"{one.name}, {when}, for {say.seconds(one.to_s - one.from_s)}")
    names = say.listed(list(dict.fromkeys(one.name for one in found)))
    text = f"Faults were injected by hand ({names}): what failed then was meant to."
    return [note("faults_injected", text, evidence)]
