"""What the validate stage is made of: the trees, the measurements, the verdicts."""
