"""The embedded demo: procedurally drawn ads, simulated viewers and a small backbone."""
