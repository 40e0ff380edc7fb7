"""A profile of the mock server, fitted to recorded runs: `python -m reports fit`."""
