"""When each piece of a streamed reply is due.

A reply of n tokens is n content events: the first at the first token, each of the others one gap after the
one before it, and the end one gap after the last of them.
"""

from mockserver.core.decisions import Start


def due_us(start: Start, index: int) -> int:
    """Microseconds from the start of the generation to content event `index`; the number of tokens is the
    end.
    """
    return start.first_us + start.gaps.sum_us(index)


def events_due(start: Start, tokens: int, elapsed_us: int) -> int:
    """How many content events are due so long after the start of the generation."""
    if elapsed_us >= start.total_us:
        return tokens
    if elapsed_us < start.first_us:
        return 0
    return min(tokens, start.gaps.passed(elapsed_us - start.first_us) + 1)
