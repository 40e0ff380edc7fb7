"""Hidden parameters come back from real sockets: Locust, the mock server, and the command as it is typed."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from mockserver.profile_file import load_profile
from tests.reports.fit import made
from tests.reports.virtual import small

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_hidden_parameters_come_back_from_real_sockets(tmp_path: Path) -> None:
    profile = tmp_path / "hidden.toml"
    profile.write_text(made.HIDDEN, encoding="utf-8")
    command = [
        *(sys.executable, "-m", "locust", "-f", str(ROOT / "scenarios" / "steady.py"), "--headless"),
        *("--stream", "--rate", "25", "--length", "60s", "--policy", "naive", "--transport", "fast"),
        *("--mock-profile", str(profile), "--run-dir", str(tmp_path / "runs")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    folders = list((tmp_path / "runs").iterdir())
    assert len(folders) == 1, done.stderr[-2000:]
    out = tmp_path / "my-api.toml"
    code, _, err = small.run("fit", folders[0], "-o", out)
    assert code == 0, err
    found, figures = load_profile(str(out)), json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert (found.limits.rpm, found.limits.tpm, found.limits.window_s) == (4321, 3_210_000, 60.0)
    assert found.inter_token.mean_ms == pytest.approx(21, rel=0.05)
    # 1,400 replies: medians are known to 3 %, the p99 of the first token to 8 %.
    assert made.length_of(found).median == pytest.approx(40, rel=0.06)
    assert made.ttft_of(found).quantile(0.5) == pytest.approx(made.TTFT.quantile(0.5), rel=0.08)
    # What a busy machine adds to a gap is no part of the law: the fit is held to what was seen.
    for key in ("ttft", "inter_token", "length"):
        law = figures["laws"][key]
        assert law["p50"]["fitted"] == pytest.approx(law["p50"]["observed"], rel=0.05), key
        assert law["ks"] < 0.06, key
    chances = {rule.name: rule.probability for rule in found.request_faults}
    for name, chance in (("status_429", 0.02), ("status_500", 0.01), ("reset", 0.008), ("hang", 0.006)):
        assert abs(chances.get(name, 0.0) - chance) < made.Z999 * math.sqrt(chance / figures["attempts"]), (
            name
        )
