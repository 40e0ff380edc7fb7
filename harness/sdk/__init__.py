"""The pipeline under the official SDKs: transports for httpx and httpx2."""
