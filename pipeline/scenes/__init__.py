"""Scenes: names, tables, splits, keywords, regions."""
