"""No scenario outlives its test."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.scenarios.running import STARTED


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    yield
    while STARTED:
        process = STARTED.pop()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
