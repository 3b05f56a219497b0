"""Stage encode."""
