"""Stage distil."""
