"""Units."""

#: Nanoseconds in a second.
NS = 1_000_000_000
