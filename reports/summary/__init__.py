"""One run: its summary, its page."""
