"""What is asked, when and by whom: pure and seeded."""
