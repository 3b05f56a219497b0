"""Attention models: a picture in, a map of where people would look out; and their metrics."""
