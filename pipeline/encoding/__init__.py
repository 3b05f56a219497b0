"""Scenes as the frozen models see them, computed once."""
