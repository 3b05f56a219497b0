"""Moving in from V2 or V3: which files go where, and what they scored there."""
