"""The queue within a process, for virtual time: the same client, jobs and decisions; no server, no engine."""
