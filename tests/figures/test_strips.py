"""Strips show what the stages wrote: the pixels of a batch, and what the guide saw of an edit."""

import numpy as np
import pandas as pd
import torch
from scene_trees import write_scene_tree
from torch.utils.data import default_collate

from pipeline.figures.strips import batch_strips, edit_strips, scene_strips
from pipeline.ground.artefacts import EDITED
from pipeline.ground.files import write_bytes
from pipeline.learning.dataset import VideoSceneDatasetV3
from pipeline.pictures.reading import encode


def test_a_batch_is_shown_as_its_tensors_are(tmp_path) -> None:
    write_scene_tree(tmp_path, {"v1": 2})
    data = VideoSceneDatasetV3(
        tmp_path / "data/valid_scenes.csv", image_size=(48, 32), root=tmp_path
    )
    batch = default_collate([data[0], data[1]])
    strips = batch_strips(batch)
    assert [strip.name for strip in strips] == ["sneaker", "sneaker"]
    shown = strips[1].tiles["control[1]"].picture
    assert np.array_equal(shown[..., 0], (batch["control"][1, 1] * 255).round().to(torch.uint8))
    levels = (batch["image"][1, 2] + 1) * 127.5
    assert np.allclose(strips[1].image[..., 2], levels, atol=0.51)


def test_an_edit_is_shown_with_what_the_guide_saw(tmp_path) -> None:
    scenes = write_scene_tree(tmp_path, {"v1": 1})
    picture = np.full((96, 54, 3), 77, np.uint8)
    edits = pd.DataFrame(
        [
            {"variant": "full_boost", "modified": True, "guide_share": 0.1, "guide_achieved": 0.2},
            {"variant": "placebo", "modified": True, "mean_abs_change": 0.5},
            {"variant": "reduction", "modified": False},
        ]
    ).assign(video_id="v1", scene_number=1, filename="v1-Scene-001-01.png")
    for name in edits["variant"]:
        write_bytes(tmp_path / EDITED / name / "v1/v1-Scene-001-01.png", encode(picture, "png"))
    (strip,) = edit_strips(scenes, edits, tmp_path, ["full_boost", "placebo", "reduction"])
    captions = [tile.caption for tile in strip.tiles.values()]
    assert captions == ["10.0% to 20.0%", "changed by 0.50 levels", "unchanged"]
    assert np.array_equal(strip.tiles["placebo"].picture, picture)
    assert strip.caption == scene_strips(scenes, tmp_path)[0].caption
