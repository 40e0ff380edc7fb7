"""How sure figures are: intervals and changes, over runs and not over requests."""
