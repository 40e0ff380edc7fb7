"""A run folder, read into arrays."""
