"""The waiting around the policies, generic over `send() -> Attempt`."""
