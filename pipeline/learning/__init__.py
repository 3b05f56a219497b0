"""What is shared by all that learns and reads what was learned from."""
