"""Stage edit."""
