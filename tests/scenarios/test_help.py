"""What `--help-scenario` shows, since Locust answers `--help` before it has read the locustfile."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenarios.running import ROOT, SCENARIOS

#: Parses each example of a scenario's help as Locust does once it has loaded the locustfile.
PARSE_EXAMPLES = """
import shlex, sys
from locust.argument_parser import get_parser
from locust.util.load_locustfile import load_locustfile
load_locustfile(sys.argv[1])
parser = get_parser()
examples = [line for line in sys.stdin.read().splitlines() if line.startswith("  locust -f ")]
for line in examples:
    parser.parse_args(shlex.split(line)[1:])
print(len(examples))
"""


def run(*command: str, said: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
    return subprocess.run(
        command, input=said, capture_output=True, text=True, check=False, cwd=ROOT, env=environment
    )


@pytest.mark.parametrize("scenario", sorted(path.stem for path in SCENARIOS.glob("[!_]*.py")))
def test_a_scenario_shows_its_options_examples_and_exit_codes(scenario: str) -> None:
    file = f"scenarios/{scenario}.py"
    done = run(sys.executable, "-m", "locust", "-f", file, "--help-scenario")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: locust -f {file} [options]\n")
    assert max(map(len, done.stdout.splitlines())) <= 80
    own = {"primetime": "--peak-rps", "steady": "--rate", "replay": "--trace", "queued": "--queue-workers"}
    assert all(option in done.stdout for option in ("--policy", "--mock-profile", own[scenario]))
    assert "--csv" not in done.stdout  # that is Locust's own
    assert "\nexit codes:\n  0 " in done.stdout
    parsed = run(sys.executable, "-c", PARSE_EXAMPLES, file, said=done.stdout.replace("\\\n", ""))
    assert parsed.stdout.split() == [str(done.stdout.count("  locust -f "))], parsed.stderr


def test_the_help_names_the_file_as_it_is_reached_from_here(tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text((SCENARIOS / "steady.py").read_text(encoding="utf-8"), encoding="utf-8")
    done = run(sys.executable, "-m", "locust", "-f", str(own), "--help-scenario")
    assert f"usage: locust -f {os.path.relpath(own, ROOT)} [options]" in done.stdout
