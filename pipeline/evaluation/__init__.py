"""Proving or disproving an edit: statistics, measurements, the judge, the gate."""
