"""A run's tables in formats that other tools read."""
