"""Stage keyword_masks."""
