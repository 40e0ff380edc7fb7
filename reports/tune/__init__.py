"""Policy settings sought in virtual time, and held to what they promise."""
