"""HTTP/1.1 on asyncio and httptools: the transport for generating load."""

from harness.transport.fast.transport import FastTransport, build

__all__ = ["FastTransport", "build"]
