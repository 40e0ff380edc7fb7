"""The client's page of documentation: every example on it runs against the mock server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness
from tests.mockserver.server.running import running

PAGE = (Path(harness.__file__).parent / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    with running("--profile", "instant") as mock:
        yield f"http://127.0.0.1:{mock.port}"


@pytest.mark.parametrize("index", range(len(EXAMPLES)))
def test_each_example_runs(index: int, api: str) -> None:
    keys = {"OPENAI_API_KEY": "sk-test", "ANTHROPIC_API_KEY": "sk-ant-test"}
    addresses = {"OPENAI_BASE_URL": f"{api}/v1", "ANTHROPIC_BASE_URL": api}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", EXAMPLES[index]],
        env={**os.environ, **keys, **addresses},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert not done.stderr
    assert done.stdout.strip()
    assert "failed:" not in done.stdout
    assert "broke off" not in done.stdout


def test_the_page_names_every_method_and_error() -> None:
    methods = [
        name for name in vars(harness.ResilientClient) if not name.startswith("_") and name != "aclose"
    ]
    errors = [name for name in harness.__all__ if isinstance(getattr(harness, name), type)]
    kinds = [name for name in errors if issubclass(getattr(harness, name), harness.CallError)]

    assert [name for name in methods + kinds if f"`{name}" not in PAGE] == []
    assert len(EXAMPLES) >= 10


def test_every_file_it_links_to_exists() -> None:
    here = Path(harness.__file__).parent
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE) if "://" not in link]

    assert links
    assert all((here / link).exists() for link in links)
