"""Keyword masks: from outlines that people drew, or from CLIPSeg."""
