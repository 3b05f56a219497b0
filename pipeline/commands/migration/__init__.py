"""Moving in from V2: which files go where, and what they scored there."""
