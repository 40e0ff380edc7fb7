"""The peer from MLCommons, `inference-endpoint`: it is in no package index, and used where it is in PATH.

https://github.com/mlcommons/endpoints
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from tests.benchmarks.aimock import AbsentError
from tests.benchmarks.load.commands import reason, run
from tests.benchmarks.load.section import SectionError
from tests.benchmarks.load.turns import Turn
from tests.benchmarks.peers import MODEL, PROMPT

PROGRAM = "inference-endpoint"
NAME = "MLCommons endpoints client, bare"

#: 10,400 calls/s beside a FastHttpUser's 6,300 to 6,800, one worker, on another machine of two cores.
KNOWN_TIMES_FAST = 1.6

#: It is told how many calls to make, not for how long.
_CALLS_PER_S = 10_000

_AROUND_S = 120.0


def turn(host: str, seconds: float, *, users: int) -> Turn:
    """One worker of it, replies in whole. Raises AbsentError where it is not in PATH, or does not run."""
    program = shutil.which(PROGRAM)
    if program is None:
        known = (
            f"{KNOWN_TIMES_FAST:g} times Locust FastHttpUser where it was measured, bare, nothing recorded"
        )
        raise AbsentError(f"no {PROGRAM} in PATH (it is not on PyPI, and needs Python 3.12); {known}")
    with tempfile.TemporaryDirectory(prefix="primetime-endpoints-") as name:
        folder = Path(name)
        prompts = folder / "prompts.jsonl"
        prompts.write_text(json.dumps({"prompt": PROMPT}) + "\n", encoding="utf-8")
        command = [program, "benchmark", "online", "--endpoints", host, "--model", MODEL]
        command += ["--dataset", str(prompts), "--num-samples", str(int(_CALLS_PER_S * seconds))]
        command += ["--load-pattern", "concurrency", "--concurrency", str(users)]
        command += ["--max-connections", str(users), "--workers", "1", "--no-cpu-affinity"]
        command += ["--streaming", "off", "--report-dir", str(folder / "report")]
        try:
            run(command, within_s=10 * seconds + _AROUND_S)
            summary = folder / "report" / "performance" / "result_summary.json"
            document = json.loads(summary.read_text(encoding="utf-8"))
            failed, served, per_s = (
                document["n_samples_failed"],
                document["n_samples_completed"],
                document["qps"],
            )
        except (SectionError, OSError, ValueError, LookupError) as error:
            raise AbsentError(f"{PROGRAM} does not run here: {reason(error)}") from error
    if failed:
        raise AbsentError(f"of its {served + failed} calls {failed} failed")
    return Turn(float(per_s), int(served))
