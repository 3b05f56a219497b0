"""Attention models that need no recording: an image in, a map of where people would look out."""
