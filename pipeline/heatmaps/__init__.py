"""Attention heatmaps as arrays: how a variant changes them, what the product's share becomes."""
