"""Play a schedule on an event loop through a client: whoever owns the loop and the clock."""
