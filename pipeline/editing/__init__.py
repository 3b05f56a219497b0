"""Editing a scene so that attention follows a modified heatmap, and nothing else changes."""
