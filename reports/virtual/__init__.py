"""Runs in virtual time: the only part of the reports that starts anything, and that knows the mock server."""
