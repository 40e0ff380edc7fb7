"""A run through the queue: its submitters, its workers, and what both record."""
