"""What the load engine is worth, beside the generators one would use instead: `python -m tests.benchmarks.load`."""
