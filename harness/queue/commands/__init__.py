"""The commands of `python -m harness.queue`, a file each: NAME, HELP, add(parser), run(options) -> code."""
