"""The shell: sockets, waiting, log and admin interface around the core."""
