"""The run as it plays, in Locust's web UI: a tab of its own, checked start form, faults injected by hand."""
