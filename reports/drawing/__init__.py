"""The pieces of pages and pictures."""
