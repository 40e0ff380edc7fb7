"""When each piece of a streamed reply is due, of a generation whose first and last moments are known.

A reply of n tokens is n content events: the first at the first token, the others evenly, and its end one gap
after the last of them, as its total is the sum of n gaps.
"""

from mockserver.core.decide import Start


def due_us(start: Start, tokens: int, index: int) -> int:
    """Microseconds from the start of the generation to content event `index`; `tokens` is the end."""
    # Rounded up, so that `events_due` agrees at this very microsecond.
    return start.first_us - (start.first_us - start.total_us) * index // tokens


def events_due(start: Start, tokens: int, elapsed_us: int) -> int:
    """How many content events are due so long after the start of the generation."""
    since_first_us = elapsed_us - start.first_us
    if since_first_us < 0:
        return 0
    rest_us = start.total_us - start.first_us
    if rest_us == 0:
        return tokens
    return min(tokens, since_first_us * tokens // rest_us + 1)
