"""Drive the client from Locust: the only part that knows Locust and gevent."""

from harness.bridge.install import Bridge, install
from harness.bridge.sources import Evening, Steady, Trace
from harness.bridge.user import AsyncUser

__all__ = ["AsyncUser", "Bridge", "Evening", "Steady", "Trace", "install"]
