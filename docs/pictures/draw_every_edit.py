"""Draws every_edit_*.jpg of the method: all scenes of the test split, from what `make demo` leaves.

Of each scene, from the left: the original, the edit at alpha 0.5, nature's at 0.5, the edits at 1.5
and 2, and nature's at 2. Two scenes in a row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from pipeline.ground.artefacts import (
    COUNTERFACTUAL,
    COUNTERFACTUAL_PICTURES,
    DOSES,
    SCENES,
    edited_scene,
)
from pipeline.ground.files import write_bytes
from pipeline.ground.tables import read_table
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import Pixels, encode, read_rgb
from pipeline.pictures.resizing import resize
from pipeline.scenes.table import read_scenes
from schemas.counterfactual import COUNTERFACTUAL_TABLE
from schemas.edits import DOSES_TABLE

TILE = (192, 108)
ROWS = 13
GAP, HEADER = 6, 22
HEADINGS = ("scene", "alpha 0.5", "nature 0.5", "alpha 1.5", "alpha 2", "nature 2")
QUALITY = 88


def main() -> None:
    """Draw them."""
    workspace = Workspace.find()
    doses = read_table(workspace.path(DOSES), DOSES_TABLE.dtypes)
    doses = doses[(doses["arm"] == "full") & (doses["variant"] == "alpha_2")]
    natural = read_table(workspace.path(COUNTERFACTUAL_PICTURES), COUNTERFACTUAL_TABLE.dtypes)
    scenes = read_scenes(workspace.path(SCENES))
    chosen = doses.merge(scenes[["video_id", "scene_number", "scene_image_path"]])
    strips = [_strip(workspace.root, row, natural) for row in chosen.to_dict("records")]
    header = _header()
    strips += [np.full_like(strips[0], 255)] * (len(strips) % 2)
    rows = [np.hstack(strips[place : place + 2]) for place in range(0, len(strips), 2)]
    for number, first in enumerate(range(0, len(rows), ROWS), 1):
        pairs = rows[first : first + ROWS]
        sheet = np.vstack([np.hstack([header, header]), *pairs])
        path = workspace.path(f"docs/pictures/every_edit_{number}.jpg")
        write_bytes(path, encode(np.ascontiguousarray(sheet), "jpg", QUALITY))


def _strip(root: Path, row: dict[Any, Any], natural: pd.DataFrame) -> Pixels:
    own = natural[
        (natural["video_id"] == row["video_id"]) & (natural["scene_number"] == row["scene_number"])
    ]
    by_nature = {
        alpha: f"{COUNTERFACTUAL}/{name}"
        for alpha, name in zip(own["alpha"], own["edited"], strict=True)
    }
    paths = [
        row["scene_image_path"],
        *(_edited(row, "alpha_0.5"), by_nature.get(0.5)),
        *(_edited(row, "alpha_1.5"), _edited(row, "alpha_2"), by_nature.get(2.0)),
    ]
    blank = np.full((*TILE, 3), 255, np.uint8)
    tiles = [resize(read_rgb(root / path), TILE) if path else blank for path in paths]
    gap = np.full((TILE[0], GAP, 3), 255, np.uint8)
    strip = np.hstack([part for tile in tiles for part in (tile, gap)])
    return np.vstack([strip, np.full((GAP, strip.shape[1], 3), 255, np.uint8)])


def _edited(row: dict[Any, Any], variant: str) -> str:
    return edited_scene(variant, row["video_id"], row["filename"], "full")


def _header() -> Pixels:
    header = np.full((HEADER, len(HEADINGS) * (TILE[1] + GAP), 3), 255, np.uint8)
    for column, name in enumerate(HEADINGS):
        place = (column * (TILE[1] + GAP) + 4, HEADER - 7)
        cv2.putText(header, name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return header


if __name__ == "__main__":
    main()
