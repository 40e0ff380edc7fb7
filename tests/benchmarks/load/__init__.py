"""The load engine beside the generators one would use instead: `python -m tests.benchmarks.load`."""
