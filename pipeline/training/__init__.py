"""From scenes to a trained ControlNet."""
