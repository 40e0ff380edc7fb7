"""Virtual time: hours of waiting in seconds of work, the same every run."""
