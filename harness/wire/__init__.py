"""Wire formats: bytes to and from the model, and what a status means."""
