"""What a run may spend: requests, tokens, dollars. Pure, but for the price table it is given."""
