"""What runs come to: pure functions over arrays."""
