"""The reference pages of docs/, written from the code: `python -m tests.docs.reference`."""
