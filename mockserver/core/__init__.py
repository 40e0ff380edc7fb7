"""The provider's decisions, pure: driven by the server in real time, and by a simulator in virtual time."""
