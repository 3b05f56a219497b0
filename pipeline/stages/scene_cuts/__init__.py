"""Stage scene_cuts."""
