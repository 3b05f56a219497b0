"""Draws edits.png of the README, from what `make demo` leaves: two scenes of the test split."""

from __future__ import annotations

import pandas as pd

from pipeline.figures.contact_sheet import draw_contact_sheet
from pipeline.figures.strips import edit_strips
from pipeline.ground.artefacts import EDITS
from pipeline.ground.workspace import Workspace
from schemas.edits import read_edits
from schemas.valid_scenes import read_valid_scenes

SCENES = (("7326392401342565997", 3), ("7310751629812968852", 4))
VARIANTS = ("full_boost", "reduction", "placebo")


def main() -> None:
    """Draw it."""
    workspace = Workspace.find()
    scenes = read_valid_scenes(workspace.path("data/valid_scenes.csv"))
    chosen = pd.DataFrame(SCENES, columns=["video_id", "scene_number"])
    strips = edit_strips(
        chosen.merge(scenes), read_edits(workspace.path(EDITS)), workspace.root, VARIANTS
    )
    title = "Two drawn scenes. Below boost and reduction: attention on the product, by the guide."
    draw_contact_sheet(workspace.path("docs/pictures/edits.png"), title, strips)


if __name__ == "__main__":
    main()
