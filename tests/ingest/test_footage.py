"""Real footage all the way: from video files to a tree of the third version and its scene table."""

import pytest
from ingest_inputs import footage, write_outlines
from stage_runs import tree

from pipeline.ground import artefacts
from pipeline.ground.files import write_bytes, write_text
from pipeline.ground.workspace import Workspace
from pipeline.scenes.refusals import read_rejections
from pipeline.stages.attention_heatmap import stage as attention_heatmap
from pipeline.stages.keyword_masks import stage as keyword_masks
from pipeline.stages.scene_cuts import stage as scene_cuts
from pipeline.stages.validate import stage as validate
from schemas.valid_scenes import VALID_SCENES_TABLE

BIKES, BUNNY = "7123456789012345670", "7123456789012345671"
FOOTAGE = {BIKES: "bikes.mp4", BUNNY: "bigbuckbunny.mp4"}
SIZES = {BIKES: (640, 272), BUNNY: (1280, 720)}
SCENES = [(BIKES, number) for number in range(1, 7)] + [(BUNNY, 1)]
PARAMS = """\
image_size: [48, 32]
compute: {n_jobs: 1}
attention_heatmap: {source: saliency, input: data/video_scene_cuts/scenes.csv}
validate: {min_valid_fraction: 0.8}
"""


def test_real_footage_becomes_a_tree_of_scenes_that_is_valid(workspace: Workspace) -> None:
    for video_id, name in FOOTAGE.items():
        write_bytes(workspace.path(f"data/videos/{video_id}.mp4"), footage(name).read_bytes())
        # The frame's middle ninth: no product, but a region that is easily counted.
        width, height = SIZES[video_id]
        (left, right), (top, bottom) = ((side / 3, side * 2 / 3) for side in (width, height))
        middle = [[left, top], [right, top], [right, bottom], [left, bottom]]
        write_outlines(workspace.root, video_id, (height, width), (0, 0, 10, middle))
    keywords = f"_id,keyword_list[0]\n{BIKES},bicycle\n{BUNNY},rabbit\n"
    write_text(workspace.path("data/keywords.csv"), keywords)
    write_text(workspace.path("params.yaml"), PARAMS)
    for stage in (scene_cuts, keyword_masks, attention_heatmap):
        stage.main(workspace)
    stems = [f"{video}/{video}-Scene-{number:03d}-01" for video, number in SCENES]
    for folder, suffix in (
        ("data/video_scene_cuts", "jpg"),
        ("keyword_masks", "png"),
        ("attention_heatmap", "jpg"),
    ):
        names = [name for name in tree(workspace.path(folder)) if name != "scenes.csv"]
        assert names == [f"{stem}.{suffix}" for stem in stems]
    validate.main(workspace)
    assert read_rejections(workspace.path(artefacts.REJECTED)) == []
    table = VALID_SCENES_TABLE.read(workspace.path(artefacts.SCENES))
    assert list(zip(table["video_id"], table["scene_number"], strict=True)) == SCENES
    assert table["keyword_mask_path"].tolist() == [f"keyword_masks/{stem}.png" for stem in stems]
    assert table["keyword"].tolist() == ["bicycle"] * 6 + ["rabbit"]
    assert set(table["heatmap_source"]) == {"predicted"}
    assert table["split"].tolist() == ["train"] * 6 + ["test"]
    found = table[["width", "height"]].itertuples(index=False, name=None)
    assert list(found) == [SIZES[video] for video, _ in SCENES]
    assert table["mask_coverage"].tolist() == pytest.approx([1 / 9] * 7, abs=0.01)
    assert table["attention_share"].between(0.02, 0.9).all()
