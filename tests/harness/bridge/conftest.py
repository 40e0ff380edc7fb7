"""Locust patches the standard library when it is imported: not in the tests' own process."""

import os

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
