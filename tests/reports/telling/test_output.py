"""What commands print for people."""

import pytest

from reports.gate.text import render
from reports.gate.verdict import Check, Outcome, Verdict
from reports.telling.output import show


@pytest.mark.parametrize(
    ("verdict", "colour"),
    [(Verdict.PASS, "32"), (Verdict.REGRESSION, "31"), (Verdict.INCONCLUSIVE, "33")],
)
def test_a_gates_verdict_has_its_colour(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verdict: Verdict, colour: str
) -> None:
    outcome = Outcome("two sides", (Check("e2el.p95", verdict),))
    text = render(outcome)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    show(text)
    assert capsys.readouterr().out == f"{text}\n"
    monkeypatch.setenv("FORCE_COLOR", "1")
    show(text)
    last = f"gate: {verdict} (exit code {outcome.code})"
    assert capsys.readouterr().out.endswith(f"\x1b[1;{colour}m{last}\x1b[0m\n")
