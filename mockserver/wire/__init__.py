"""Wire formats: bytes to requests, decisions to bytes. One module a dialect."""
