"""Locust files: `locust -f scenarios/primetime.py`; with `--help-scenario` each shows its options."""
