"""Stage render."""
