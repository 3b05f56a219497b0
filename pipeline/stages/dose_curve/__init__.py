"""Stage dose_curve."""
