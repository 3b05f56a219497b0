"""Stage variant."""
