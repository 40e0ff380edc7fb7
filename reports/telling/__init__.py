"""Words, tables and progress for a terminal."""
