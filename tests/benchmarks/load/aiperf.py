"""The peer from PyPI, `aiperf`: where it is, how it is installed, how it is run, what it exports.

https://github.com/ai-dynamo/aiperf
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.aimock import AbsentError
from tests.benchmarks.load.commands import reason, run
from tests.benchmarks.load.section import SectionError
from tests.benchmarks.peers import MODEL, PROMPT

PACKAGE = "aiperf"
#: The one our figures were taken with.
VERSION = "0.13.0"
NAME = f"AIPerf {VERSION}"

_INSTALL_WITHIN_S = 900.0
#: Before and after the calls: it starts a dozen processes, and they share a core.
_AROUND_S = 120.0

#: Its own `builtin` tokenizer is downloaded on first use. The server counts tokens: this one is only loaded.
_TOKENIZER: dict[str, dict[str, Any]] = {
    "tokenizer.json": {
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"},
    },
    "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "?"},
}


@dataclass(frozen=True)
class Export:
    """What it says it measured. Times to the first token, and chunks, are of streams only."""

    duration_s: float
    requests: int
    errors: int
    requests_per_s: float
    chunks: int
    ttft_ms: tuple[float, float] | None
    #: Percentiles of what a request took as a whole, by their names.
    latency_ms: dict[str, float] = field(default_factory=dict)

    @property
    def chunks_per_s(self) -> float:
        """Chunks with a part of a reply that it read a second."""
        return self.chunks / self.duration_s


def profile(host: str, *options: str, seconds: float) -> Export:
    """Play `options` for so long, one prompt again and again.

    Installs it on first use. Raises AbsentError where that is not possible, or it does not run well.
    """
    program = executable()
    with tempfile.TemporaryDirectory(prefix="primetime-aiperf-") as name:
        folder = Path(name)
        for file, content in _TOKENIZER.items():
            (folder / file).write_text(json.dumps(content), encoding="utf-8")
        prompts = folder / "prompts.jsonl"
        prompts.write_text(json.dumps({"text": PROMPT}) + "\n", encoding="utf-8")
        command = [str(program), "profile", "--url", host, "--model", MODEL, "--endpoint-type", "chat"]
        command += ["--input-file", str(prompts), "--custom-dataset-type", "single_turn"]
        command += [
            "--tokenizer",
            str(folder),
            "--use-server-token-count",
            "--artifact-dir",
            str(folder / "run"),
        ]
        command += ["--ui", "none", "--no-gpu-telemetry", "--no-server-metrics"]
        command += ["--benchmark-duration", f"{seconds:g}", *options]
        try:
            run(command, within_s=seconds + _AROUND_S)
            text = (folder / "run" / "profile_export_aiperf.json").read_text(encoding="utf-8")
            export = read_export(json.loads(text))
        except (SectionError, OSError, ValueError, LookupError) as error:
            raise AbsentError(f"{NAME} does not run here: {reason(error)}") from error
    if export.errors or not export.requests:
        raise AbsentError(f"of {NAME}'s {export.requests + export.errors} calls {export.errors} failed")
    return export


def read_export(document: dict[str, Any]) -> Export:
    """The figures of its `profile_export_aiperf.json`. Raises LookupError for a document without them."""
    requests = int(document["request_count"]["avg"])
    latency = document.get("request_latency", {})
    ttft, steps = document.get("time_to_first_token"), document.get("inter_chunk_latency")
    return Export(
        duration_s=float(document["benchmark_duration"]["avg"]),
        requests=requests,
        errors=int(document.get("error_request_count", {}).get("avg", 0)),
        requests_per_s=float(document["request_throughput"]["avg"]),
        # It keeps the time from each chunk to the next: a stream has one chunk more than it has of those.
        chunks=int(steps["count"]) + requests if steps else 0,
        ttft_ms=(float(ttft["p50"]), float(ttft["p99"])) if ttft else None,
        latency_ms={name: float(ms) for name, ms in latency.items() if name.startswith("p")},
    )


def executable() -> Path:
    """Its program, in a virtual environment of its own, made where it is missing. Raises AbsentError."""
    program = folder() / "bin" / PACKAGE
    if program.exists():
        return program
    wanted = f"{PACKAGE}=={VERSION}"
    try:
        run([sys.executable, "-m", "venv", "--clear", str(folder())], within_s=_INSTALL_WITHIN_S)
        pip = [
            str(folder() / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        run([*pip, wanted], within_s=_INSTALL_WITHIN_S)
    except (SectionError, OSError) as error:
        raise AbsentError(f"pip could not install {wanted}: {reason(error)}") from error
    return program


def folder() -> Path:
    """A folder of its own under the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "primetime-benchmarks" / f"{PACKAGE}-{VERSION}"
