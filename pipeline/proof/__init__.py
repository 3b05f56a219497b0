"""Proving or disproving an edit: what must be reached, statistics, the gate."""
