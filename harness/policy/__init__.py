"""The decisions of the client: arithmetic over arguments. Nothing here sleeps, reads a clock or does I/O."""
