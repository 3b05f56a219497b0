"""`variant.keywords` on a video with two products: whose mask on the disk is the region."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scene_trees import write_validate_inputs

from pipeline.ground.files import write_bytes, write_text
from pipeline.ground.workspace import Workspace
from pipeline.pictures.reading import encode
from pipeline.stages.validate import stage as validate
from pipeline.stages.variant import stage as variant

VIDEO = "7123456789012345670"
HEIGHT, WIDTH = 96, 54
# PNG at the files' own size: what Pillow reads is what was written, to the last level.
PARAMS = """\
image_size: [96, 54]
compute: {{n_jobs: 1}}
variant: {{format: png, sample_videos: 0, keywords: {0}}}
"""


@pytest.fixture
def corpus(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Three validated scenes; a second product along the right, but none of it in scene 3."""
    monkeypatch.setattr(variant, "_track", lambda *arguments: None)
    write_validate_inputs(workspace.root, {VIDEO: 3})
    keywords = f"_id,keyword_list[0],keyword_list[1]\n{VIDEO},sneaker,lamp\n"
    write_text(workspace.path("data/keywords.csv"), keywords)
    second = np.zeros((HEIGHT, WIDTH), np.uint8)
    second[:, -(WIDTH // 3) :] = 255
    for number in (1, 2):
        write_bytes(mask_path(workspace, number, ".k1"), encode(second, "png"))
    write_text(workspace.path("params.yaml"), PARAMS.format("first"))
    validate.main(workspace)
    return workspace


def mask_path(workspace: Workspace, number: int, keyword: str) -> Path:
    return workspace.path(f"keyword_masks/{VIDEO}/{VIDEO}-Scene-{number:03d}-01{keyword}.png")


def region(workspace: Workspace, number: int, keywords: list[str]) -> np.ndarray:
    """The union of those masks of a scene that are on the disk."""
    paths = [mask_path(workspace, number, keyword) for keyword in keywords]
    masks = [np.asarray(Image.open(path)) > 127 for path in paths if path.is_file()]
    return np.logical_or.reduce(masks) if masks else np.zeros((HEIGHT, WIDTH), bool)


def shares(workspace: Workspace, name: str, keywords: list[str]) -> list[float]:
    """A variant's shares as its table has them, after a comparison with its files."""
    path = workspace.path(f"outputs/variants_v3/{VIDEO}/{name}_scenes.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    in_table = [float(row["planned_share"] or math.nan) for row in rows]
    measured = []
    for row in rows:
        heat = np.asarray(Image.open(workspace.path(row["modified_attention_heatmap_path"])), float)
        inside = region(workspace, int(row["scene_number"]), keywords)
        measured.append(heat[inside].sum() / heat.sum() if inside.any() else math.nan)
    assert in_table == pytest.approx(measured, abs=1e-8, nan_ok=True)
    return in_table


def test_each_choice_has_its_own_shares_and_they_are_those_of_the_files(corpus: Workspace) -> None:
    baseline, boosted = {}, {}
    for choice, keywords in {"first": [""], "union": ["", ".k1"], "1": [".k1"]}.items():
        write_text(corpus.path("params.yaml"), PARAMS.format(choice))
        variant.main(corpus)
        baseline[choice] = shares(corpus, "baseline", keywords)
        boosted[choice] = shares(corpus, "full_boost", keywords)
    for scene in (0, 1):
        assert len({round(of[scene], 3) for of in baseline.values()}) == 3
        assert len({round(of[scene], 3) for of in boosted.values()}) == 3
        assert all(boosted[choice][scene] > 1.1 * baseline[choice][scene] for choice in baseline)
    # Scene 3 shows the first product alone: of the other nothing is defined.
    assert math.isnan(baseline["1"][2])
    assert math.isnan(boosted["1"][2])
    assert boosted["union"][2] == boosted["first"][2] > baseline["first"][2]
