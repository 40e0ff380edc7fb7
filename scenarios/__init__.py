"""Locust files: `locust -f scenarios/primetime.py`."""
